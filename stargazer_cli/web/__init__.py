"""The browser: a local page of assets and runs, and the API that it is drawn from.

    app         the application with all of its routes, and how an error is told: begin here
    models      what the API takes and gives
    listing     the records of a store in a form that is filtered, sorted and counted at once
    graph       where a file comes from, as nodes and edges near to it
    assets      routes for the files of the store
    kinds       the kinds of assets, described for forms
    shown       records and jobs as the API gives them
    bytes       the bytes of a file as an answer: verified, in part, or as a page that can do no harm
    uploads     files that a browser sends, straight into the store's folder
    runs        routes for runs and the catalogue
    system      routes for the session, settings, bundles and jobs
    jobs        what takes long and belongs to this server
    static/     the page: no build step, nothing from elsewhere

FastAPI is imported with these modules, which the command alone imports.
"""
