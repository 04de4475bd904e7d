// What the germline parameters name beside the samplesheet, read and checked before the first task.
include { bamHead; checkContigs; contigsOfVcfHeader } from './contigs.nf'
include { decideBqsr; decideFilter; targetOf } from './decisions.nf'
include { readIntervals } from './intervals.nf'
include { readKnownSites } from './known_sites.nf'
include { readReference } from './reference.nf'
include { requiredFile; vcfHeader } from './files.nf'

// Returns a map: reference (see PREPARE_REFERENCE), sites (see INDEX_KNOWN_SITES), intervals ([] or
// the file), pedigree ([] or the file), decisions (map: bqsr 'on' or 'off', filter 'vqsr', 'hard'
// or 'none', targeted: whether but the targets of an exome or a panel are called, reasons: map of why
// bqsr and filter are what they are, samples: the names of all samples).
def readGermline(Map settings, List rows) {
    def reference = readReference(settings)
    if (settings.workflow == 'prepare_reference') {
        return [reference: reference, sites: [], intervals: [], pedigree: [], decisions: [:]]
    }
    rows.each { meta, files -> checkSameReference(meta, files[0], settings.fasta, reference.contigs) }
    def sites = readKnownSites(settings, reference)
    def regions = readIntervals(settings, reference)
    def target = targetOf(regions.bases, reference)
    def choices = [bqsr: decideBqsr(settings, sites, rows, target)]
    if (settings.workflow == 'germline_short_variant_discovery') {
        choices.filter = decideFilter(settings, sites, rows, target)
    }
    return [
        reference: reference,
        sites: sites,
        intervals: regions.file,
        pedigree: settings.pedigree ? requiredFile('pedigree', settings.pedigree) : [],
        decisions: choices.collectEntries { name, choice ->
            log.info("${name}: ${choice.value} (${choice.reason})")
            [name, choice.value]
        } + [
            targeted: target.targeted,
            reasons: choices.collectEntries { name, choice -> [name, settings["${name}_reason".toString()] ?: choice.reason] },
            samples: rows.collect { meta, _files -> meta.sample }.unique(),
        ],
    ]
}

// Two builds in one cohort give calls without an error, and wrong ones.
def checkSameReference(Map meta, path, String fasta, Map contigs) {
    if (meta.entry in ['bam', 'ready']) {
        checkContigs("BAM of sample ${meta.sample}, ${meta.inputs[0]},", bamHead(path).contigs, "--fasta ${fasta}", contigs, true)
    }
    if (meta.entry == 'gvcf') {
        checkContigs("GVCF of sample ${meta.sample}, ${meta.inputs[0]},", contigsOfVcfHeader(vcfHeader(path)), "--fasta ${fasta}", contigs, true)
    }
}
