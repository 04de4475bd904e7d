// A FASTA and what the tools need beside it: .fai, .dict and, for reads, the aligner's index.
// What is given is used as it is; the rest is made.
include { DECOMPRESS_FASTA } from '../../modules/samtools/decompress_fasta/main.nf'
include { SAMTOOLS_FAIDX } from '../../modules/samtools/samtools_faidx/main.nf'
include { CREATE_SEQUENCE_DICTIONARY } from '../../modules/gatk/create_sequence_dictionary/main.nf'
include { BWA_INDEX } from '../../modules/bwa/bwa_index/main.nf'
include { BWA_MEM2_INDEX } from '../../modules/bwamem2/bwa_mem2_index/main.nf'

workflow PREPARE_REFERENCE {
    take:
    reference // map: ref [name, stem, build, path (its name in the manifest)], fasta, compressed, fai, dict, index; a file or null each, index a list
    aligner   // 'bwa' or 'bwa-mem2'; '' where no aligner's index is needed

    main:
    ref = reference.ref
    assets = channel.empty()
    versions = channel.empty()

    fasta = channel.value([ref, reference.fasta])
    if (reference.compressed) {
        DECOMPRESS_FASTA(fasta)
        fasta = DECOMPRESS_FASTA.out.fasta
        versions = versions.mix(DECOMPRESS_FASTA.out.versions)
        assets = assets.mix(fasta.map { meta, file ->
            [asset: 'reference', folder: 'reference', file: file, task: 'decompress_fasta', build: meta.build, derived_from: [meta.source]]
        })
    }

    fai = channel.value([ref, reference.fai])
    if (!reference.fai) {
        SAMTOOLS_FAIDX(fasta)
        fai = SAMTOOLS_FAIDX.out.fai
        versions = versions.mix(SAMTOOLS_FAIDX.out.versions)
        assets = assets.mix(fai.map { meta, file ->
            companion(meta, file, 'samtools_faidx') + [asset: 'reference_index', tool: 'samtools']
        })
    }

    dict = channel.value([ref, reference.dict])
    if (!reference.dict) {
        CREATE_SEQUENCE_DICTIONARY(fasta)
        dict = CREATE_SEQUENCE_DICTIONARY.out.dict
        versions = versions.mix(CREATE_SEQUENCE_DICTIONARY.out.versions)
        assets = assets.mix(dict.map { meta, file ->
            companion(meta, file, 'create_sequence_dictionary') + [asset: 'sequence_dict', tool: 'gatk']
        })
    }

    index = channel.value([ref, reference.index])
    if (aligner && !reference.index) {
        if (aligner == 'bwa') {
            BWA_INDEX(fasta)
            index = BWA_INDEX.out.index
            versions = versions.mix(BWA_INDEX.out.versions)
        }
        else {
            BWA_MEM2_INDEX(fasta)
            index = BWA_MEM2_INDEX.out.index
            versions = versions.mix(BWA_MEM2_INDEX.out.versions)
        }
        assets = assets.mix(index.flatMap { meta, files ->
            files.collect { file ->
                companion(meta, file, aligner == 'bwa' ? 'bwa_index' : 'bwa_mem2_index') + [asset: 'aligner_index', aligner: aligner]
            }
        })
    }

    genome = fasta
        .combine(fai.map { _meta, file -> file })
        .combine(dict.map { _meta, file -> file })
        .first()

    emit:
    genome   // value:   [ ref, fasta, fai, dict ]
    index    // value:   [ ref, [ index files ] ]
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}

// What the manifest says of a file that was made from the FASTA alone.
def companion(Map ref, file, String task) {
    return [folder: 'reference', file: file, task: task, build: ref.build, reference_cid: ref.path, derived_from: [ref.path]]
}
