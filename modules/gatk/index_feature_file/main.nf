// The index of a VCF of known sites: .tbi for bgzip, .idx for plain text.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process INDEX_FEATURE_FILE {
    tag "${meta.resource_name}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta.index: the name of the index, which is the VCF's with .tbi or .idx behind it.
    tuple val(meta), path(vcf, stageAs: 'sites/*')

    output:
    tuple val(meta), path("${meta.index}"), emit: index
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    """
    ${javaOptions(task.memory, 0.8, isSmall(vcf))}
    vcf=(sites/*)
    gatk IndexFeatureFile \\
        --input "\${vcf[0]}" \\
        --output '${meta.index}' \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    neutral_index '${meta.index}'
    """

    stub:
    """
    touch '${meta.index}'
    """
}
