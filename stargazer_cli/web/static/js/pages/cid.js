// Where a content identifier leads: to its asset, or to the choice between several records of it.

import { get } from "../api.js";
import { el, replace } from "../dom.js";
import { emptyState, linkButton, pageHead } from "../parts.js";
import { href } from "../route.js";

export async function show(view, { segments, signal }) {
  const cid = segments[1];
  const records = { where: `cid=${cid}` };
  const { assets } = await get("assets", { ...records, limit: 2 }, signal);
  if (assets.length) {
    location.replace(assets.length === 1 ? href(["assets", assets[0].id]) : href(["assets"], records));
    return;
  }
  replace(
    view,
    pageHead({ crumbs: [["Assets", ["assets"]]], title: "Not recorded here" }),
    el(
      "div",
      { class: "card" },
      emptyState(
        "file",
        "No record of this content",
        `Something refers to ${cid}, and this store has no record of it. It may have been deleted, or it is in another store.`,
        linkButton("What was made from it", "graph", href(["graph", cid])),
      ),
    ),
  );
}
