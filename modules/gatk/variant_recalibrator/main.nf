// A model of what tells true variants from errors, of SNPs or of indels: the score of each call, and the
// scores that keep given shares of the truth.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process VARIANT_RECALIBRATOR {
    tag "${meta.id} ${meta.mode}"
    label 'vqsr'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta: id (of the cohort), mode ('SNP' or 'INDEL'), resources (resource_name, known, training, truth, prior
    // and path of each, path for its ending only); sites and indexes are in the same order.
    tuple val(meta), path(vcf, stageAs: 'input.vcf.gz'), path(tbi, stageAs: 'input.vcf.gz.tbi'), path(sites, stageAs: 'sites?/known'), path(indexes, stageAs: 'indexes?/known')
    val with_depth // whether every base was to be read as deep as the others: not so with targets
    val max_gaussians_snp
    val max_gaussians_indel
    val truth_sensitivity_snp
    val truth_sensitivity_indel

    output:
    tuple val(meta), path("${meta.id}.${meta.mode.toLowerCase()}.recal.vcf.gz"), path("${meta.id}.${meta.mode.toLowerCase()}.recal.vcf.gz.tbi"), path("${meta.id}.${meta.mode.toLowerCase()}.tranches"), emit: model
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    if (!(meta.mode in ['SNP', 'INDEL'])) {
        error("VQSR of ${meta.id}: mode '${meta.mode}' is neither SNP nor INDEL")
    }
    def lacking = ['training', 'truth'].findAll { kind -> !meta.resources.any { resource -> resource[kind] } }
    if (lacking) {
        error("VQSR of ${meta.id}: no ${lacking.join(' or ')} resource for mode ${meta.mode}")
    }
    def snps = meta.mode == 'SNP'
    def name = "${meta.id}.${meta.mode.toLowerCase()}"
    // Annotations and tranches of the Broad's own pipeline, WARP's JointGenotyping, in its order: the last
    // digit of a score depends on it. The level that is asked for is a tranche, too: ApplyVQSR else
    // takes the next one above.
    def usual = snps ? ['QD', 'MQRankSum', 'ReadPosRankSum', 'FS', 'MQ', 'SOR'] : ['FS', 'ReadPosRankSum', 'MQRankSum', 'QD', 'SOR']
    def annotations = usual + (with_depth ? ['DP'] : [])
    def levels = snps
        ? [100.0, 99.95, 99.9, 99.8, 99.6, 99.5, 99.4, 99.3, 99.0, 98.0, 97.0, 90.0]
        : [100.0, 99.95, 99.9, 99.5, 99.0, 97.0, 96.0, 95.0, 94.0, 93.5, 93.0, 92.0, 91.0, 90.0]
    def asked = snps ? truth_sensitivity_snp : truth_sensitivity_indel
    def tranches = (levels + [asked]).collect { level -> level as double }.toSet().toSorted().reverse()
    def gaussians = snps ? max_gaussians_snp : max_gaussians_indel
    def endings = meta.resources.collect { resource -> resource.path.endsWith('.gz') ? ['.vcf.gz', '.tbi'] : ['.vcf', '.idx'] }
    def links = [meta.resources, [sites].flatten(), [indexes].flatten(), endings].transpose().collect { resource, file, index, ending ->
        "ln -s ../${file} 'known/${resource.resource_name}${ending[0]}'; ln -s ../${index} 'known/${resource.resource_name}${ending.join('')}'"
    }
    def resources = [meta.resources, endings].transpose().collect { resource, ending ->
        def tags = ['known', 'training', 'truth'].collect { kind -> "${kind}=${resource[kind] as boolean}" } + (resource.prior ? ["prior=${resource.prior}"] : [])
        "--resource:'${resource.resource_name},${tags.join(',')}' 'known/${resource.resource_name}${ending[0]}'"
    }
    """
    ${javaOptions(task.memory, 0.8, isTiny(vcf))}
    if ! { gzip -dc input.vcf.gz || true; } 2> gzip.log | awk '!/^#/ { found = 1; exit } END { exit !found }'; then
        echo "VQSR of ${meta.id}: the VCF has no variants, and a model is learnt from many." >&2
        echo "Take --filter hard or --filter none." >&2
        exit 1
    fi

    mkdir known
    ${links.join('\n    ')}
    # Pass on what GATK fails with, and say below it what it means.
    gatk VariantRecalibrator \\
        --variant input.vcf.gz \\
        --mode ${meta.mode} \\
        --output '${name}.recal.vcf.gz' \\
        --tranches-file '${name}.tranches' \\
        ${resources.join(' \\\n        ')} \\
        --use-annotation ${annotations.join(' --use-annotation ')} \\
        --truth-sensitivity-tranche ${tranches.join(' --truth-sensitivity-tranche ')} \\
        --max-gaussians ${gaussians} \\
        --trust-all-polymorphic true \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true 2>&1 | tee gatk.log >&2 || {
        status=\$?
        said=\$(grep -o -m 1 -E 'Values for .* not detected for ANY training variant|Found annotations with zero variance|No data found|Gaussian mean vector does not have|failed to converge' gatk.log || true)
        if [ -n "\$said" ]; then
            echo "VQSR of ${meta.id}: too few ${snps ? 'SNPs' : 'indels'} are in the resources, or they are too alike, to learn from (GATK: \$said)." >&2
            echo "Take --filter hard${gaussians > 1 ? ", or fewer --max_gaussians_${meta.mode.toLowerCase()} than ${gaussians}" : ''}." >&2
        fi
        exit \$status
    }
    """

    stub:
    def name = "${meta.id}.${meta.mode.toLowerCase()}"
    """
    touch '${name}.recal.vcf.gz' '${name}.recal.vcf.gz.tbi' '${name}.tranches'
    """
}
