#!/usr/bin/env bash
# The germline job without Stargazer: the same tools, called one after the other, one sample at a time.
# What the workflow is measured against, and an independent calculation to compare its calls with.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: germline_plain.sh [-t THREADS] [-m HEAP] [-p PIXELS] OUTDIR REFERENCE SAMPLE:R1[:R2][,R1[:R2]]...  [SAMPLE:...]

Aligns with bwa, marks duplicates, calls each sample into a GVCF and genotypes all of them together.

  OUTDIR      folder for <sample>.bam, <sample>.g.vcf.gz, <sample>.duplicate_metrics.txt and joint.vcf.gz
  REFERENCE   plain FASTA; copied into OUTDIR/reference and indexed there
  SAMPLE:…    one argument a sample; lanes are separated by commas; R2 is left out for single-end reads
  -t THREADS  threads of bwa, samtools and HaplotypeCaller (default 1)
  -m HEAP     Java heap of each GATK step (default 2g)
  -p PIXELS   optical duplicate pixel distance (default 100)

Needs bwa, samtools and gatk on PATH. Example:

  germline_plain.sh -t 2 out reference.fa child:c_L1_R1.fq.gz:c_L1_R2.fq.gz,c_L2_R1.fq.gz:c_L2_R2.fq.gz father:f_R1.fq.gz:f_R2.fq.gz
TEXT
}

threads=1 heap=2g pixels=100
while getopts 't:m:p:h' option; do
    case $option in
        t) threads=$OPTARG ;;
        m) heap=$OPTARG ;;
        p) pixels=$OPTARG ;;
        h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 3 ] || { usage >&2; exit 2; }

out=$1 reference=$2
shift 2
mkdir -p "$out/reference" "$out/tmp"
trap 'echo "line $LINENO failed: see $out/bwa.log and $out/gatk.log" >&2' ERR
# Added to what the caller set, so that a class-data archive can be given the same way to both sides.
export JDK_JAVA_OPTIONS="${JDK_JAVA_OPTIONS:-} -Xmx$heap"

fasta=$out/reference/$(basename "$reference")
cp -f "$reference" "$fasta"
bwa index "$fasta" 2>> "$out/bwa.log"
samtools faidx "$fasta"
rm -f "${fasta%.*}.dict"
gatk CreateSequenceDictionary -R "$fasta" -O "${fasta%.*}.dict" --QUIET true >> "$out/gatk.log" 2>&1

gvcfs=()
for argument in "$@"; do
    sample=${argument%%:*}
    IFS=, read -ra lanes <<< "${argument#*:}"
    inputs=()
    number=0
    for lane in "${lanes[@]}"; do
        number=$((number + 1))
        IFS=: read -ra reads <<< "$lane"
        bam=$out/tmp/$sample.L$number.bam
        bwa mem -t "$threads" -K 100000000 -Y \
            -R "@RG\\tID:$sample.L$number\\tSM:$sample\\tLB:$sample\\tPL:ILLUMINA\\tPU:$sample.L$number" \
            "$fasta" "${reads[@]}" 2>> "$out/bwa.log" \
            | samtools sort --no-PG -@ "$threads" -T "$out/tmp/$sample.L$number" -o "$bam" - 2>> "$out/bwa.log"
        inputs+=(-I "$bam")
    done
    gatk MarkDuplicates "${inputs[@]}" -O "$out/$sample.bam" -M "$out/$sample.duplicate_metrics.txt" \
        --OPTICAL_DUPLICATE_PIXEL_DISTANCE "$pixels" --CREATE_INDEX true --TMP_DIR "$out/tmp" >> "$out/gatk.log" 2>&1
    gatk HaplotypeCaller -R "$fasta" -I "$out/$sample.bam" -O "$out/$sample.g.vcf.gz" -ERC GVCF \
        --native-pair-hmm-threads "$threads" --tmp-dir "$out/tmp" >> "$out/gatk.log" 2>&1
    gvcfs+=(-V "$out/$sample.g.vcf.gz")
done

# Each contig as one interval: a BED line is safe for contig names that look like a region.
awk '{ printf "%s\t0\t%s\n", $1, $2 }' "$fasta.fai" > "$out/tmp/contigs.bed"
rm -rf "$out/tmp/genomicsdb"
gatk GenomicsDBImport "${gvcfs[@]}" --genomicsdb-workspace-path "$out/tmp/genomicsdb" \
    -L "$out/tmp/contigs.bed" --tmp-dir "$out/tmp" >> "$out/gatk.log" 2>&1
gatk GenotypeGVCFs -R "$fasta" -V "gendb://$out/tmp/genomicsdb" -O "$out/joint.vcf.gz" \
    --tmp-dir "$out/tmp" >> "$out/gatk.log" 2>&1
rm -rf "$out/tmp"
