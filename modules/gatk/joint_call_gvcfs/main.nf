// The GVCFs of a cohort as one genotyped VCF. Import and genotyping are one task, so that the
// GenomicsDB workspace never leaves it.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process JOINT_CALL_GVCFS {
    tag "${meta.id}"
    label 'joint'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta: id (of the cohort), samples (one name a GVCF), indexed (whether the GVCF has a .tbi);
    // tbis holds those that are there, in the same order.
    tuple val(meta), path(gvcfs, stageAs: 'gvcf?/sample.g.vcf.gz'), path(tbis, stageAs: 'tbi?/sample.g.vcf.gz.tbi')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    val sample_ploidy
    val stand_call_conf

    output:
    tuple val(meta), path("${meta.prefix}.vcf.gz"), path("${meta.prefix}.vcf.gz.tbi"), emit: vcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    def given = 0
    def rows = [meta.samples, [gvcfs].flatten(), meta.indexed].transpose().collect { sample, gvcf, indexed ->
        given += indexed ? 1 : 0
        [sample, gvcf, indexed ? [tbis].flatten()[given - 1] : '-'].join('\\t')
    }
    // GATK's own temporary folder is kept: in a work folder with a space in its path it reads no BED.
    // Intervals are a BED made from the .fai: in the form name:from-to a contig whose name has a
    // colon would be misread. Thousands of contigs are put into a few arrays.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.6, isSmall(gvcfs))}
    printf '${rows.join('\\n')}\\n' > gvcfs.tsv
    cut -f 1 gvcfs.tsv | sort | uniq -d > twice
    [ ! -s twice ] || { echo "sample \$(head -n 1 twice) has more than one GVCF" >&2; exit 1; }

    mkdir gvcfs
    number=0
    while IFS=\$'\\t' read -r sample gvcf tbi; do
        number=\$((number + 1))
        check_gvcf "\$gvcf" "\$sample"
        ln -s "../\$gvcf" "gvcfs/\$number.g.vcf.gz"
        if [ "\$tbi" = - ]; then
            gatk IndexFeatureFile --input "gvcfs/\$number.g.vcf.gz"
        else
            ln -s "../\$tbi" "gvcfs/\$number.g.vcf.gz.tbi"
        fi
        printf '%s\\tgvcfs/%s.g.vcf.gz\\n' "\$sample" "\$number" >> sample_map.tsv
    done < gvcfs.tsv

    awk -v OFS='\\t' '{ print \$1, 0, \$2 }' reference.fa.fai > contigs.bed
    contigs=\$(wc -l < contigs.bed)
    gatk GenomicsDBImport \\
        --genomicsdb-workspace-path genomicsdb \\
        --sample-name-map sample_map.tsv \\
        --intervals contigs.bed \\
        --merge-contigs-into-num-partitions \$((contigs > 100 ? 100 : 0)) \\
        --batch-size 50 \\
        --add-output-vcf-command-line false \\
        --genomicsdb-shared-posixfs-optimizations true
    gatk GenotypeGVCFs \\
        --reference reference.fa \\
        --variant gendb://genomicsdb \\
        --output '${meta.prefix}.vcf.gz' \\
        --sample-ploidy ${sample_ploidy} \\
        --standard-min-confidence-threshold-for-calling ${stand_call_conf} \\
        --genomicsdb-shared-posixfs-optimizations true \\
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
