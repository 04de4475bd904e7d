"""The MCP server: what an agent may do with the store and the pipeline, as tools with typed answers.

    server      the server with all of its tools, and how it is run: begin here
    tool        a tool: what it says of itself, and how an error reaches the client
    models      what tools answer
    assets      tools for the files of the store, and where they come from
    bundles     tools for sets of published files
    tasks       the tool for the catalogue
    runs        tools for runs: start them, look at them, wait for them, end them
    following   a run as the tools answer it, and waiting for its end
    progress    how far another tool is, told to the client while it waits
    config      the resource stargazer://config

FastMCP speaks the protocol. It is imported with this package, which the command alone imports.
"""
