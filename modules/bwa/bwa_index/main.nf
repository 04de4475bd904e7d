// The five index files of bwa for one reference.
process BWA_INDEX {
    tag "${ref.name}"
    label 'index'
    // bwa index takes about two bytes a base.
    memory { (1.GB + 3.B * fasta.size()) * task.attempt }
    container 'stargazer/bwa:0.7.17'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'reference.fa')

    output:
    tuple val(ref), path("${ref.name}.{amb,ann,bwt,pac,sa}"), emit: index
    tuple val(task.process), val('bwa'), eval("bwa 2>&1 | sed -n 's/^Version: //p'"), emit: versions

    script:
    """
    bwa index -p '${ref.name}' reference.fa
    """

    stub:
    """
    touch '${ref.name}'.{amb,ann,bwt,pac,sa}
    """
}
