// What `auto` means. Each function returns a map: value and reason; the reason is for people.
// stargazer_cli/runs has the same rules, as its plan is made before Nextflow starts;
// tests/helpers/decision_cases.json tries both.

// Below this what is called is no whole genome, and has too few variants to train a model on.
def wholeGenome() {
    return 100_000_000L
}

// Regions of as many bases are those of a genome without its gaps and the like, never targets.
def moreThanTargets() {
    return 1_000_000_000L
}

// Of exomes it takes this many samples to have enough variants.
// https://gatk.broadinstitute.org/hc/en-us/articles/4402736812443
def enoughExomes() {
    return 30
}

// The smallest exomes have about 30 Mb; what is much smaller is a panel.
def exome() {
    return 20_000_000L
}

// How many bases a read group GATK asks for to learn the errors of a sequencer from.
// https://gatk.broadinstitute.org/hc/en-us/articles/360035890531
def enoughToRecalibrate() {
    return 100_000_000L
}

// The depth of a usual genome, and one that hardly any panel reaches once duplicates are marked.
def usualDepth() {
    return 30L
}

def greatestDepth() {
    return 1000L
}

// What is called.
//   regions: the bases that the regions cover, without padding; null: the whole reference
def targetOf(regions, Map reference) {
    def length = (reference.contigs.values().sum() ?: 0L) as long
    return [
        bases: regions == null ? length : regions as long,
        // Whether it is but the targets of an exome or a panel, and not most of a genome.
        targeted: regions != null && regions < moreThanTargets() && 2 * regions < length,
        name: "${grouped(regions == null ? length : regions)} bases${regions == null ? '' : ' of --intervals'}".toString(),
    ]
}

// Base quality recalibration: 'on' or 'off'.
def decideBqsr(Map settings, List sites, List rows, Map target) {
    def types = sites.collectMany { meta, _vcf, _index -> meta.types }.toSet()
    if (settings.bqsr == 'on' && !types) {
        error("--bqsr on takes known sites, as what is no known variant counts as an error of the sequencer, and --known_sites ${sites ? 'lists files without a variant' : 'lists none'}: add them, or take --bqsr off")
    }
    def missing = ['SNP', 'INDEL'].findAll { type -> !(type in types) }.collect { type -> 'no known ' + plural(type) }.join(' and ')
    def unmasked = "${missing}: unmasked variants would be learnt as errors"
    def read = rows.any { meta, _files -> meta.entry in ['reads', 'unmapped'] }
    if (settings.bqsr == 'off') {
        return [value: 'off', reason: '--bqsr off']
    }
    if (settings.bqsr == 'on') {
        // No error: the GVCFs may be those of recalibrated reads, which stargazer's plan knows.
        def idle = 'no sample enters as reads or as an unmapped BAM: nothing is recalibrated in this run'
        def doubts = read ? [missing ? "there are ${unmasked}" : '', tooFew(target, usualDepth())].findAll().join(' and ') : idle
        return [value: 'on', reason: ['--bqsr on', doubts].findAll().join(', although ')]
    }
    if (!sites) {
        return [value: 'off', reason: 'no known sites are given']
    }
    if (!read) {
        return [value: 'off', reason: 'no sample enters as reads or as an unmapped BAM']
    }
    if (missing) {
        return [value: 'off', reason: unmasked]
    }
    if (tooFew(target, greatestDepth())) {
        return [value: 'off', reason: tooFew(target, greatestDepth())]
    }
    def known = 'known SNPs and indels in ' + sites.collect { meta, _vcf, _index -> meta.resource_name }.sort().join(', ')
    return [value: 'on', reason: [known, tooFew(target, usualDepth())].findAll().join(', although ')]
}

// That it takes more than a depth for enough bases to recalibrate from, as a text; '' where it does not.
def tooFew(Map target, long depth) {
    def needed = (enoughToRecalibrate() + target.bases - 1).intdiv(Math.max(target.bases, 1L))
    return needed <= depth ? '' : "${target.name} take a depth of ${grouped(needed)}x for the ${enoughToRecalibrate().intdiv(1_000_000)} million bases a read group that GATK asks for".toString()
}

// Variant filtering: 'vqsr', 'hard' or 'none'.
def decideFilter(Map settings, List sites, List rows, Map target) {
    if (settings.filter in ['none', 'hard']) {
        return [value: settings.filter, reason: "--filter ${settings.filter}"]
    }
    def missing = missingResources(sites)
    if (settings.filter == 'vqsr' && missing) {
        error("--filter vqsr: ${missing} in --known_sites, and a model of SNPs and one of indels each take both kinds: add them, or take --filter hard")
    }
    def samples = rows.collect { meta, _files -> meta.sample }.unique().size()
    def genome = target.bases >= wholeGenome() && !target.targeted
    def large = genome || (samples >= enoughExomes() && target.bases >= exome())
    def counted = "${grouped(samples)} ${samples == 1 ? 'sample' : 'samples'} on ${target.name}"
    if (settings.filter == 'vqsr') {
        return [value: 'vqsr', reason: "--filter vqsr, ${counted}${large ? '' : ', which may be too few variants to train on'}"]
    }
    def needs = "VQSR takes a whole genome or ${enoughExomes()} exomes, and training and truth resources for SNPs and indels"
    return large && !missing
        ? [value: 'vqsr', reason: "${counted}, with training and truth resources for SNPs and indels"]
        : [value: 'hard', reason: "${[counted, missing].findAll().join(', ')}; ${needs}"]
}

// What VQSR would miss, as a text; '' where it has all.
def missingResources(List sites) {
    def lacks = ['training', 'truth'].collect { kind ->
        def modes = ['SNP', 'INDEL'].findAll { mode ->
            !sites.any { meta, _vcf, _index -> meta[kind] && mode in meta.types && meta.vqsr_mode in [mode, 'BOTH', '', null] }
        }
        [kind, modes.collect { mode -> plural(mode) }.join(' and ')]
    }.findAll { _kind, modes -> modes }
    return lacks.groupBy { _kind, modes -> modes }
        .collect { modes, kinds -> "no ${kinds.collect { kind -> kind[0] }.join(' or ')} resource for ${modes}" }
        .join(' and ')
}

def plural(String type) {
    return type == 'SNP' ? 'SNPs' : 'indels'
}

def grouped(number) {
    return String.format(java.util.Locale.ROOT, '%,d', number as long)
}
