"""Files of regions, and what is said of each: both halves of the project read them by the same rules."""

import gzip

# As in the TP53 set: a contig that is named like a region.
REGION = "chr17:7658421-7697490"
CONTIGS = {REGION: 400, "chr2": 200}
DIFFER = "they belong to different references or builds"

_LIST = f"@HD\tVN:1.6\n@SQ\tSN:{REGION}\tLN:400\n"

# name -> content, what must be said
REFUSED: dict[str, tuple[str | bytes, list[str]]] = {
    "unknown.bed": (f"{REGION}\t0\t4\nchr17\t0\t4\n", ["unknown.bed, line 2", "contig chr17", DIFFER]),
    "backwards.bed": (f"{REGION}\t9\t4\n", ["backwards.bed, line 1", "is empty"]),
    "point.bed": (f"{REGION}\t4\t4\n", ["point.bed, line 1", "is empty"]),
    "long.bed": ("chr2\t0\t201\n", ["long.bed, line 1", "200 bases"]),
    "before.bed": ("chr2\t-1\t20\n", ["before.bed, line 1", "is not on the contig"]),
    "words.bed": (f"{REGION}\tone\ttwo\n", ["words.bed, line 1", "is no region"]),
    "names.bed": (f"{REGION}\n", ["names.bed, line 1", "is no region"]),
    "head.bed": ("chrom start end\n", ["head.bed, line 1", "is no region"]),
    "comments.bed": ("#a comment\ntrack name=x\n", ["comments.bed", "has no regions"]),
    "latin.bed": (f"{REGION}\t0\t4\tg\xe8ne\n".encode("latin-1"), ["latin.bed", "is not UTF-8 text"]),
    "zipped.bed": (gzip.compress(f"{REGION}\t0\t4\n".encode()), ["zipped.bed", "gunzip"]),
    "calls.bed": ("##fileformat=VCFv4.2\n#CHROM\n", ["calls.bed", "is a VCF"]),
    "list.bed": (_LIST + f"{REGION}\t1\t4\t+\tname\n", ["list.bed", "must end in .interval_list"]),
    "regions.txt": (f"{REGION}\t0\t4\n", ["regions.txt", "must end in .bed"]),
    "empty.interval_list": (_LIST, ["empty.interval_list", "has no regions"]),
    "zero.interval_list": (_LIST + f"{REGION}\t0\t4\t+\tname\n", ["line 3", "is not on the contig"]),
    "headless.interval_list": (
        f"@HD\tVN:1.6\n{REGION}\t1\t400\t+\tname\n",
        ["headless.interval_list", "@SQ", "BedToIntervalList"],
    ),
    "ncbi.interval_list": (
        "@SQ\tSN:17\tLN:400\n17\t1\t400\t+\tname\n",
        ["ncbi.interval_list", "contig 17", "they share none", DIFFER],
    ),
    "more.interval_list": (
        _LIST + f"@SQ\tSN:chrM\tLN:9\n{REGION}\t1\t4\t+\tname\n",
        ["more.interval_list", "contig chrM", DIFFER],
    ),
    "other.interval_list": (
        f"@SQ\tSN:{REGION}\tLN:399\n{REGION}\t1\t4\t+\tname\n",
        ["other.interval_list", "399", "400", DIFFER],
    ),
    "moved.interval_list": (
        f"@SQ\tSN:chr2\tLN:200\n@SQ\tSN:{REGION}\tLN:400\nchr2\t1\t4\t+\tname\n",
        ["moved.interval_list", "order", DIFFER],
    ),
}
# name -> content, bases
ACCEPTED: dict[str, tuple[str, int]] = {
    "good.bed": (f"#a comment\ntrack name=x\n{REGION}\t0\t400\tname\n\nchr2 10 11\n", 401),
    "several.bed": (
        f"chr2\t5\t30\nchr2\t0\t10\nchr2\t12\t14\nchr2\t20\t25\n{REGION}\t0\t10\r\nchr2\t30\t31\n",
        41,
    ),
    "good.interval_list": (_LIST + f"{REGION}\t1\t400\t+\tname\n", 400),
    "one.interval_list": (_LIST + f"{REGION}\t7\t7\t+\tname\n", 1),
}
