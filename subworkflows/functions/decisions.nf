// What `auto` means. Each function returns a map: value and reason; the reason is for people.
// stargazer_cli/runs has the same rules, as its plan is made before Nextflow starts;
// tests/helpers/decision_cases.json tries both.

// Below this a reference is no whole genome, and has too few variants to train a model on.
def wholeGenome() {
    return 100_000_000L
}

// With --intervals it takes this many samples to have enough variants.
// https://gatk.broadinstitute.org/hc/en-us/articles/4402736812443
def enoughExomes() {
    return 30
}

// Base quality recalibration: 'on' or 'off'.
def decideBqsr(Map settings, List sites, List rows) {
    def types = sites.collectMany { meta, _vcf, _index -> meta.types }.toSet()
    if (settings.bqsr == 'on' && !types) {
        error("--bqsr on takes known sites, as what is no known variant counts as an error of the sequencer, and --known_sites ${sites ? 'lists files without a variant' : 'lists none'}: add them, or take --bqsr off")
    }
    def missing = ['SNP', 'INDEL'].findAll { type -> !(type in types) }.collect { type -> 'no known ' + plural(type) }.join(' and ')
    def unmasked = "${missing}: unmasked variants would be learnt as errors"
    if (settings.bqsr != 'auto') {
        return [value: settings.bqsr, reason: '--bqsr ' + settings.bqsr + (settings.bqsr == 'on' && missing ? ", although there are ${unmasked}" : '')]
    }
    if (!sites) {
        return [value: 'off', reason: 'no known sites are given']
    }
    if (!rows.any { meta, _files -> meta.entry in ['reads', 'unmapped'] }) {
        return [value: 'off', reason: 'no sample enters as reads or as an unmapped BAM']
    }
    if (missing) {
        return [value: 'off', reason: unmasked]
    }
    def names = sites.collect { meta, _vcf, _index -> meta.resource_name }.sort()
    return [value: 'on', reason: "known SNPs and indels in ${names.join(', ')}"]
}

// Variant filtering: 'vqsr', 'hard' or 'none'.
def decideFilter(Map settings, List sites, List rows, Map reference) {
    if (settings.filter in ['none', 'hard']) {
        return [value: settings.filter, reason: "--filter ${settings.filter}"]
    }
    def missing = missingResources(sites)
    if (settings.filter == 'vqsr' && missing) {
        error("--filter vqsr: ${missing} in --known_sites, and a model of SNPs and one of indels each take both kinds: add them, or take --filter hard")
    }
    def bases = reference.contigs.values().sum() ?: 0L
    def samples = rows.collect { meta, _files -> meta.sample }.unique().size()
    def large = settings.intervals ? samples >= enoughExomes() : bases >= wholeGenome()
    def counted = "${grouped(samples)} ${samples == 1 ? 'sample' : 'samples'} ${settings.intervals ? 'within --intervals' : 'on ' + grouped(bases) + ' bases'}"
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
