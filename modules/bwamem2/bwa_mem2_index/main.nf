// The five index files of bwa-mem2 for one reference.
process BWA_MEM2_INDEX {
    tag "${ref.name}"
    label 'index'
    // bwa-mem2 index takes about 28 bytes a base.
    memory { (1.GB + 30.B * fasta.size()) * task.attempt }
    container 'stargazer/bwamem2:2.3'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'reference.fa')

    output:
    tuple val(ref), path("${ref.name}.{0123,amb,ann,bwt.2bit.64,pac}"), emit: index
    tuple val(task.process), val('bwa-mem2'), eval("bwa_mem2_version 2>/dev/null || true"), emit: versions

    script:
    """
    bwa-mem2 index -p '${ref.name}' reference.fa
    """

    stub:
    """
    touch '${ref.name}'.{0123,amb,ann,bwt.2bit.64,pac}
    """
}
