"""What every server of Stargazer keeps to, whatever it serves.

arguments   what a client may say of a run
access      the folders in which a client may read and write files
guard       who is answered: Host, Origin, token and CSRF, before the application sees a request
pinned      the store that a server has for as long as it runs
peer        whose process on this machine asks
listen      where a server listens, and how it ends
"""
