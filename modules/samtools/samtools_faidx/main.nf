// Index a FASTA, and refuse one that the later tools would misread.
process SAMTOOLS_FAIDX {
    tag "${ref.name}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'reference.fa')

    output:
    tuple val(ref), path("${ref.name}.fai"), emit: fai
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: versions

    script:
    // samtools only warns about a second contig of the same name and leaves it out of the
    // index, so the names are read from the FASTA itself.
    """
    grep '^>' reference.fa | LC_ALL=C awk '
        { name = substr(\$1, 2) }
        name == "" { print "a sequence has no name" > "/dev/stderr"; exit 1 }
        name in seen { print "contig " name " is there twice" > "/dev/stderr"; exit 1 }
        { seen[name] }
    ' || { echo "'${ref.name}' is not a usable FASTA (above)" >&2; exit 1; }
    samtools faidx reference.fa --fai-idx '${ref.name}.fai'
    awk '\$2 == 0 { print "contig " \$1 " has no bases" > "/dev/stderr"; exit 1 }' '${ref.name}.fai'
    """

    stub:
    """
    printf 'stub\\t4\\t6\\t4\\t5\\n' > '${ref.name}.fai'
    """
}
