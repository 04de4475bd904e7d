// A VCF with FILTER set by GATK's published thresholds. No record is dropped.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process HARD_FILTER {
    tag "${meta.id}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(vcf, stageAs: 'input.vcf.gz'), path(tbi, stageAs: 'input.vcf.gz.tbi')

    output:
    tuple val(meta), path("${meta.prefix}.vcf.gz"), path("${meta.prefix}.vcf.gz.tbi"), emit: vcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // The recipe of GATK's article takes SNPs and indels apart and loses what is both. Here all that is no
    // SNP goes by the rules of indels, in one pass. QD and QUAL have one threshold for all.
    // A site without an annotation passes its filter, as sites without reads of both alleles have no
    // rank sum: the threshold stands in for it, where a bare name would be a warning a site.
    def snp = { name, sign, threshold -> "vc.isSNP() && vc.getAttributeAsDouble('${name}', ${threshold}) ${sign} ${threshold}" }
    def other = { name, sign, threshold -> '!' + snp.call(name, sign, threshold) }
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isSmall(vcf))}
    gatk VariantFiltration \\
        --variant input.vcf.gz \\
        --output '${meta.prefix}.vcf.gz' \\
        --filter-name QD2 --filter-expression "vc.getAttributeAsDouble('QD', 2.0) < 2.0" \\
        --filter-name QUAL30 --filter-expression "QUAL < 30.0" \\
        --filter-name SOR3 --filter-expression "${snp.call('SOR', '>', 3.0)}" \\
        --filter-name FS60 --filter-expression "${snp.call('FS', '>', 60.0)}" \\
        --filter-name MQ40 --filter-expression "${snp.call('MQ', '<', 40.0)}" \\
        --filter-name MQRankSum-12.5 --filter-expression "${snp.call('MQRankSum', '<', -12.5)}" \\
        --filter-name ReadPosRankSum-8 --filter-expression "${snp.call('ReadPosRankSum', '<', -8.0)}" \\
        --filter-name FS200 --filter-expression "${other.call('FS', '>', 200.0)}" \\
        --filter-name ReadPosRankSum-20 --filter-expression "${other.call('ReadPosRankSum', '<', -20.0)}" \\
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
