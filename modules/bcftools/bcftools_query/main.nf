// The genotypes that the report compares samples by: of biallelic SNPs that passed the filters, thinned.
process BCFTOOLS_QUERY {
    tag "${meta.id}"
    label 'light'
    container 'stargazer/bcftools:1.16'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(vcf, stageAs: 'variants.vcf.gz'), path(tbi, stageAs: 'variants.vcf.gz.tbi'), path(stats, stageAs: 'stats.txt')

    output:
    tuple val(meta), path("${meta.id}.genotypes.tsv.gz"), emit: genotypes
    tuple val(task.process), val('bcftools'), eval("bcftools --version 2>/dev/null | sed -n '1s/bcftools //p'"), emit: versions

    script:
    // A hundred thousand sites all over a genome tell relatives apart: every n-th is taken, by the number
    // that bcftools_stats counted. (The index of GATK knows no number.)
    """
    quality=''
    if bcftools view --header-only variants.vcf.gz | grep '^##FORMAT=<ID=GQ,' > /dev/null; then
        quality=':%GQ'
    fi
    every=\$(awk -F '\\t' '\$3 == "number of SNPs:" { snps = \$4 } END { print int(snps / 100000) + 1 }' stats.txt)
    {
        bcftools query --list-samples variants.vcf.gz | tr '\\n' '\\t' | sed 's/^/#contig\\tposition\\t/; s/\\t\$/\\n/'
        bcftools view --apply-filters .,PASS --min-alleles 2 --max-alleles 2 --types snps --output-type u variants.vcf.gz |
            bcftools query --format "%CHROM\\t%POS[\\t%GT\$quality]\\n" |
            awk -v every="\$every" 'NR % every == 0'
    } | gzip -n > '${meta.id}.genotypes.tsv.gz'
    """

    stub:
    """
    touch '${meta.id}.genotypes.tsv.gz'
    """
}
