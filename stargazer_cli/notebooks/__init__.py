"""Notebooks that come with Stargazer, and what they and `stargazer notebook` are made of.

pages/      the notebooks themselves, for Marimo: users get copies
shelf       which notebooks there are, and the copies in a folder of the user's
server      Marimo as a process of its own, which ends with all that it started
variants    a VCF as a table, and numbers over it
metrics     what samtools, bcftools and Picard counted
cells       single cells as tables
lineages    the graph of what a result was made from
charts      the look that all charts share
"""
