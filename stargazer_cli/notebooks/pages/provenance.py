import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import marimo as mo

    mo.md("# To be written")
    return


if __name__ == "__main__":
    app.run()
