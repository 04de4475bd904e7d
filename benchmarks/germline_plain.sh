#!/usr/bin/env bash
# The germline job without Stargazer: the same tools, called one after the other, one sample at a time.
# What the workflow is measured against, and an independent calculation to compare its calls with.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: germline_plain.sh [OPTION]... OUTDIR REFERENCE SAMPLE:R1[:R2][,R1[:R2]]...  [SAMPLE:...]

Aligns with bwa, marks duplicates, calls each sample into a GVCF, genotypes all of them together, applies
GATK's hard filters for SNPs and for indels, and makes the statistics of samtools and bcftools.

  OUTDIR      folder for <sample>.bam, <sample>.g.vcf.gz, joint.vcf.gz, the metrics, and steps.tsv (name of
              the step, seconds that it took, seconds of user and of system time)
  REFERENCE   plain FASTA; copied into OUTDIR/reference and indexed there
  SAMPLE:…    one argument a sample; lanes are separated by commas; R2 is left out for single-end reads
  -t THREADS  threads of bwa, samtools and HaplotypeCaller (default 1)
  -m HEAP     Java heap of each GATK step (default 2g)
  -p PIXELS   optical duplicate pixel distance (default 100)
  -k VCF      known sites, may be repeated: base qualities are recalibrated (default: they are not)
  -d          write the aligner's SAM to disk and sort it then (default: a pipe)

Needs bwa, samtools, bcftools and gatk on PATH. Example:

  germline_plain.sh -t 2 out reference.fa child:c_L1_R1.fq.gz:c_L1_R2.fq.gz,c_L2_R1.fq.gz:c_L2_R2.fq.gz father:f_R1.fq.gz:f_R2.fq.gz
TEXT
}

threads=1 heap=2g pixels=100 disk='' known=()
while getopts 't:m:p:k:dh' option; do
    case $option in
        t) threads=$OPTARG ;;
        m) heap=$OPTARG ;;
        p) pixels=$OPTARG ;;
        k) known+=("$OPTARG") ;;
        d) disk=yes ;;
        h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 3 ] || { usage >&2; exit 2; }

out=$1 reference=$2
shift 2
mkdir -p "$out/reference" "$out/tmp"
: > "$out/steps.tsv"
trap 'echo "line $LINENO failed: see $out/tools.log" >&2' ERR
# Added to what the caller set, so that a class-data archive can be given the same way to both sides.
export JDK_JAVA_OPTIONS="${JDK_JAVA_OPTIONS:-} -Xmx$heap"

# step NAME COMMAND...: run it, its words into the log, its times into steps.tsv
step() {
    local name=$1
    shift
    local TIMEFORMAT="$name"$'\t%R\t%U\t%S'
    { time "$@" >> "$out/tools.log" 2>&1; } 2>> "$out/steps.tsv"
}

index_reference() {
    bwa index "$fasta"
    samtools faidx "$fasta"
    rm -f "${fasta%.*}.dict"
    gatk CreateSequenceDictionary -R "$fasta" -O "${fasta%.*}.dict" --QUIET true
}

# Known sites get an index beside a copy.
index_known_sites() {
    local vcf
    for vcf in "${known[@]}"; do
        cp -f "$vcf" "$out/reference/"
        vcf=$out/reference/$(basename "$vcf")
        gatk IndexFeatureFile -I "$vcf"
    done
}

# align LANE BAM READS...
align() {
    local lane=$1 bam=$2 group="@RG\\tID:$1\\tSM:$sample\\tLB:$sample\\tPL:ILLUMINA\\tPU:$1"
    shift 2
    local sam=-
    if [ -n "$disk" ]; then
        sam=$out/tmp/$lane.sam
        bwa mem -t "$threads" -K 100000000 -Y -R "$group" "$fasta" "$@" > "$sam"
        samtools sort --no-PG -@ "$threads" -T "$out/tmp/$lane" -o "$bam" "$sam"
        rm "$sam"
    else
        bwa mem -t "$threads" -K 100000000 -Y -R "$group" "$fasta" "$@" \
            | samtools sort --no-PG -@ "$threads" -T "$out/tmp/$lane" -o "$bam" -
    fi
}

# recalibrate IN OUT: and count once more, so that before and after can be compared
recalibrate() {
    local sites=() vcf
    for vcf in "${known[@]}"; do
        sites+=(--known-sites "$out/reference/$(basename "$vcf")")
    done
    gatk BaseRecalibrator -R "$fasta" -I "$1" "${sites[@]}" -O "$out/$sample.recalibration.table"
    gatk ApplyBQSR -R "$fasta" -I "$1" -bqsr "$out/$sample.recalibration.table" -O "$2"
    gatk BaseRecalibrator -R "$fasta" -I "$2" "${sites[@]}" -O "$out/$sample.recalibration_after.table"
}

sample_statistics() {
    samtools stats -@ "$threads" "$out/$sample.bam" > "$out/$sample.samtools_stats.txt"
    samtools coverage "$out/$sample.bam" > "$out/$sample.samtools_coverage.txt"
}

# Each contig as one interval: a BED line is safe for contig names that look like a region.
joint_calling() {
    awk '{ printf "%s\t0\t%s\n", $1, $2 }' "$fasta.fai" > "$out/tmp/contigs.bed"
    rm -rf "$out/tmp/genomicsdb"
    gatk GenomicsDBImport "${gvcfs[@]}" --genomicsdb-workspace-path "$out/tmp/genomicsdb" \
        -L "$out/tmp/contigs.bed" --tmp-dir "$out/tmp"
    gatk GenotypeGVCFs -R "$fasta" -V "gendb://$out/tmp/genomicsdb" -O "$out/tmp/raw.vcf.gz" --tmp-dir "$out/tmp"
}

# The thresholds that GATK publishes; what is not an SNP alone is judged as an indel.
hard_filters() {
    gatk SelectVariants -V "$out/tmp/raw.vcf.gz" --select-type-to-include SNP -O "$out/tmp/snps.vcf.gz"
    gatk SelectVariants -V "$out/tmp/raw.vcf.gz" --select-type-to-exclude SNP -O "$out/tmp/indels.vcf.gz"
    gatk VariantFiltration -V "$out/tmp/snps.vcf.gz" -O "$out/tmp/snps.filtered.vcf.gz" \
        --filter-name QD2 --filter-expression 'QD < 2.0' \
        --filter-name QUAL30 --filter-expression 'QUAL < 30.0' \
        --filter-name SOR3 --filter-expression 'SOR > 3.0' \
        --filter-name FS60 --filter-expression 'FS > 60.0' \
        --filter-name MQ40 --filter-expression 'MQ < 40.0' \
        --filter-name MQRankSum-12.5 --filter-expression 'MQRankSum < -12.5' \
        --filter-name ReadPosRankSum-8 --filter-expression 'ReadPosRankSum < -8.0'
    gatk VariantFiltration -V "$out/tmp/indels.vcf.gz" -O "$out/tmp/indels.filtered.vcf.gz" \
        --filter-name QD2 --filter-expression 'QD < 2.0' \
        --filter-name QUAL30 --filter-expression 'QUAL < 30.0' \
        --filter-name FS200 --filter-expression 'FS > 200.0' \
        --filter-name ReadPosRankSum-20 --filter-expression 'ReadPosRankSum < -20.0'
    gatk MergeVcfs -I "$out/tmp/snps.filtered.vcf.gz" -I "$out/tmp/indels.filtered.vcf.gz" -O "$out/joint.vcf.gz"
}

cohort_statistics() {
    bcftools stats -s - "$out/joint.vcf.gz" > "$out/joint.bcftools_stats.txt"
}

fasta=$out/reference/$(basename "$reference")
cp -f "$reference" "$fasta"
step reference index_reference
[ ${#known[@]} -eq 0 ] || step known_sites index_known_sites

gvcfs=()
for argument in "$@"; do
    sample=${argument%%:*}
    IFS=, read -ra lanes <<< "${argument#*:}"
    inputs=()
    number=0
    for lane in "${lanes[@]}"; do
        number=$((number + 1))
        IFS=: read -ra reads <<< "$lane"
        step align align "$sample.L$number" "$out/tmp/$sample.L$number.bam" "${reads[@]}"
        inputs+=(-I "$out/tmp/$sample.L$number.bam")
    done
    marked=$out/$sample.bam
    [ ${#known[@]} -eq 0 ] || marked=$out/tmp/$sample.marked.bam
    step mark_duplicates gatk MarkDuplicates "${inputs[@]}" -O "$marked" -M "$out/$sample.duplicate_metrics.txt" \
        --OPTICAL_DUPLICATE_PIXEL_DISTANCE "$pixels" --CREATE_INDEX true --TMP_DIR "$out/tmp"
    [ ${#known[@]} -eq 0 ] || step recalibrate recalibrate "$marked" "$out/$sample.bam"
    step haplotype_caller gatk HaplotypeCaller -R "$fasta" -I "$out/$sample.bam" -O "$out/$sample.g.vcf.gz" \
        -ERC GVCF --native-pair-hmm-threads "$threads" --tmp-dir "$out/tmp"
    step sample_statistics sample_statistics
    gvcfs+=(-V "$out/$sample.g.vcf.gz")
done

step joint_calling joint_calling
step hard_filters hard_filters
step cohort_statistics cohort_statistics
rm -rf "$out/tmp"
