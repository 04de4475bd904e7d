// A VCF with FILTER set by the scores of a model: what scores below the level that keeps the given
// share of the truth is filtered. Records of the other type stay as they are.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process APPLY_VQSR {
    tag "${meta.id} ${meta.mode}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta: id (of the cohort), mode ('SNP' or 'INDEL': what the model is of), prefix. recal_tbi: or [], then it is made.
    tuple val(meta), path(vcf, stageAs: 'input.vcf.gz'), path(tbi, stageAs: 'input.vcf.gz.tbi'), path(recal, stageAs: 'model.recal.vcf.gz'), path(recal_tbi, stageAs: 'model.recal.vcf.gz.tbi'), path(tranches, stageAs: 'model.tranches')
    val truth_sensitivity_snp
    val truth_sensitivity_indel

    output:
    tuple val(meta), path("${meta.prefix}.vcf.gz"), path("${meta.prefix}.vcf.gz.tbi"), emit: vcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    if (!(meta.mode in ['SNP', 'INDEL'])) {
        error("VQSR of ${meta.id}: mode '${meta.mode}' is neither SNP nor INDEL")
    }
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isTiny(vcf))}
    ${recal_tbi ? '' : 'gatk IndexFeatureFile --input model.recal.vcf.gz'}
    gatk ApplyVQSR \\
        --variant input.vcf.gz \\
        --mode ${meta.mode} \\
        --recal-file model.recal.vcf.gz \\
        --tranches-file model.tranches \\
        --truth-sensitivity-filter-level ${meta.mode == 'SNP' ? truth_sensitivity_snp : truth_sensitivity_indel} \\
        --output '${meta.prefix}.vcf.gz' \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.vcf.gz' '${meta.prefix}.vcf.gz.tbi'
    """
}
