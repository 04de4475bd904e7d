// The files of one task that is run alone, read from its CSV and checked before it starts; and how each module
// is given them. What the workflows say to a module in `meta` is said here in the same words.
include { digestOf; indexExtensions; indexName; isGzip; problemOf; referenceNames } from './files.nf'
include { isSafeName; platformOf; refuse; tableRows } from './rows.nf'

// What a row may say of its file. `name` is what the file is called where its path has another name, `of` the path
// of the file that an index belongs to; the rest are fields of assets.
def inputColumns() {
    return [
        'role', 'path', 'name', 'of', 'sample_id', 'lane', 'library', 'sequencing_platform', 'build', 'resource_name', 'known', 'training',
        'truth', 'prior', 'vqsr_mode', 'mode', 'variant_type', 'stage', 'organism',
    ]
}

// Returns what the module's call takes: the map of readTask with `rows`, a list of the rows of each role (each with its
// `file`), and `subject`: the sample that the rows share, else the cohort.
def readInputs(Map task) {
    def source = "--input ${task.input}".toString()
    def table = file(task.input, glob: false)
    def problem = problemOf(table)
    if (problem) {
        error("${source}: ${problem}")
    }
    def roles = task.meta.inputs.collectEntries { role -> [role.name, role] }
    def hint = "it takes a CSV that names the files of ${task.name}: role,path"
    def rows = tableRows(table, source, inputColumns(), hint) { header -> checkInputColumns(header, source) }.collect { row -> rowOf(row, roles, task.name) }
    def byRole = roles.collectEntries { name, _role -> [name, rows.findAll { row -> row.role == name }] }
    roles.each { name, role -> checkCount(name, role, byRole[name], source, task.name) }
    def samples = rows.collect { row -> row.sample_id }.findAll().unique()
    if (samples.size() > 1 && task.meta.outputs.any { output -> output.fields?.sample_id == '{subject}' }) {
        def other = rows.find { row -> row.sample_id == samples[1] }
        refuse(other, 'sample_id', "${samples[1]} is another sample than ${samples[0]}, and what ${task.name} makes is of one")
    }
    return task + [rows: byRole, paths: rows.collect { row -> row.path }, subject: samples.size() == 1 ? samples[0] : task.values.cohort_id]
}

def checkInputColumns(List header, String source) {
    def unknown = header.find { column -> !(column in inputColumns()) }
    if (unknown != null) {
        error("${source}, line 1: unknown column '${unknown}'; the columns are ${inputColumns().join(', ')}")
    }
    def missing = ['role', 'path'].find { column -> !(column in header) }
    if (missing) {
        error("${source}, line 1: column ${missing} is missing")
    }
}

// One row by itself.
def rowOf(Map row, Map roles, name) {
    if (!roles.containsKey(row.role)) {
        refuse(row, 'role', "'${row.role.take(60)}' is no input of ${name}, which has ${roles.keySet().join(', ')}")
    }
    if (!row.path) {
        refuse(row, 'path', 'is empty')
    }
    def given = file(row.path, glob: false)
    def problem = given.isDirectory() && roles[row.role].kind == 'counts' ? null : problemOf(given)
    if (problem) {
        refuse(row, 'path', "${row.path}: ${problem}")
    }
    ['sample_id', 'lane', 'library', 'resource_name'].each { column ->
        if (row[column] && !isSafeName(row[column])) {
            refuse(row, column, "'${row[column].take(120)}' cannot be used: a name has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit")
        }
    }
    def stages = [roles[row.role].where?.stage].flatten().findAll()
    if (row.stage && stages && !(row.stage in stages)) {
        refuse(row, 'stage', "'${row.stage.take(120)}' is none of ${stages.join(', ')}, which ${name} takes")
    }
    return row + [file: given, name: row.name ?: given.name]
}

def checkCount(String name, Map role, List rows, String source, task) {
    if (role.required && !rows) {
        error("${source}: has no row of role ${name}, which ${task} needs: ${role.description}")
    }
    if (!role.many && rows.size() > 1) {
        refuse(rows[1], 'role', "${name} is one file, and line ${rows[0].line} names it already")
    }
}

// The file of a role, or [].
def fileOf(Map given, String role) {
    return given.rows[role] ? given.rows[role][0].file : []
}

def filesOf(List rows) {
    return rows.findResults { row -> row?.file }
}

// The index of each of some rows, null where it has none, among the rows of a role.
def indexesOf(List rows, List indexes) {
    def found = rows.collect { row -> indexes.find { index -> index.of ? index.of == row.path : index.name in [row.name + '.tbi', row.name + '.idx'] } }
    def stray = indexes.find { index -> !(index in found) }
    if (stray) {
        refuse(stray, stray.of ? 'of' : 'path', "${stray.of ?: stray.path} is the ${stray.of ? 'path' : 'index'} of no other row: column of names the path of the file that an index belongs to")
    }
    return found
}

// The same, where each needs one.
def neededIndexes(List rows, List indexes) {
    def found = indexesOf(rows, indexes)
    if (null in found) {
        def bare = rows[found.indexOf(null)]
        refuse(bare, 'path', "${bare.path}: no row is its index, ${indexName(bare.name)}")
    }
    return found
}

// [ ref(name, stem), fasta ]
def reference(Map given) {
    def row = given.rows.fasta[0]
    return [referenceNames(row.name, isGzip(row.file)), row.file]
}

// [ ref, fasta, fai, dict ]
def genome(Map given) {
    return reference(given) + [fileOf(given, 'fai'), fileOf(given, 'dict')]
}

// What modules call the result of one sample or cohort.
def named(Map given) {
    return [id: given.subject, sample: given.subject, prefix: given.subject]
}

// [ meta, file, index ]
def indexed(Map given, String role, String index) {
    return [named(given), fileOf(given, role), fileOf(given, index)]
}

// [ ref, [ index files ] ]: one whole index.
def alignerIndex(Map given, String aligner) {
    def rows = given.rows.index
    def endings = indexExtensions()[aligner]
    endings.each { ending ->
        def same = rows.findAll { row -> row.name.endsWith('.' + ending) }
        if (same.size() != 1) {
            error("--input ${given.input}: ${same.size() ? 'several rows' : 'no row'} of role index end in .${ending}, and an index of ${aligner} is one file each of .${endings.join(', .')}")
        }
    }
    return [[name: rows[0].name], filesOf(rows)]
}

// [ meta, fastq_1, fastq_2 or [] ]: a lane, whose read group is what the workflows make of the same words.
def lane(Map given) {
    def row = given.rows.fastq_1[0]
    def library = row.library ?: given.subject
    def name = row.lane ?: 'L1'
    def meta = [
        id: [given.subject, library, name].join('.'), sample: given.subject, library: library, lane: name,
        platform: platformOf(row, 'sequencing_platform'), entry: given.values.sort_order == 'unsorted' ? 'unmapped' : 'reads',
    ]
    return [meta, row.file, fileOf(given, 'fastq_2')]
}

// The meta of a lane that is a BAM: nothing in it tells which.
def unmappedLane(Map given) {
    return named(given) + [id: "${given.subject}.${given.values.lane}".toString()]
}

// Where a part is given, the result is one of several; BEDs of split_intervals begin with the part's number.
def withPart(Map given, Map meta) {
    if (!given.rows.part) {
        return meta
    }
    if (!given.rows.call) {
        refuse(given.rows.part[0], 'role', 'a part needs a row of role call, too: the .call.bed of the same number')
    }
    if (!surrounds(bedLines(given.rows.call[0]), bedLines(given.rows.part[0]))) {
        refuse(given.rows.call[0], 'path', "${given.rows.call[0].path} does not hold the regions of ${given.rows.part[0].path}: a part goes with the .call.bed of the same number, of the same split_intervals")
    }
    def number = given.rows.part[0].name.find(/^[0-9]+/) ?: '1'
    return meta + [part: number as int, parts: Math.max(2, number as int), prefix: "${meta.prefix}.${number.padLeft(5, '0')}".toString()]
}

// Whether what is called holds its part: the same regions, wider at the part's edges alone. Without, what is called
// for another part would be cut down to nothing, and that would look like a part without variants.
def surrounds(List call, List part) {
    return part && call.size() == part.size() && [call, part].transpose().every { wide, own -> wide[0] == own[0] && wide[1] <= own[1] && wide[2] >= own[2] }
}

// Contig, start and end of each line of a BED.
def bedLines(Map row) {
    return row.file.readLines().collect { line ->
        def cells = line.tokenize('\t')
        if (cells.size() < 3 || !cells[1].isLong() || !cells[2].isLong()) {
            refuse(row, 'path', "${row.path}: '${line.take(80)}' is no line of a BED")
        }
        [cells[0], cells[1] as long, cells[2] as long]
    }
}

// [ meta(id, prefix, samples, indexed), gvcfs, tbis ] in the order of the samples' names.
def cohort(Map given) {
    def rows = given.rows.gvcfs.toSorted { one, other -> one.sample_id <=> other.sample_id }
    rows.findAll { row -> !row.sample_id }.each { row -> refuse(row, 'sample_id', 'is empty, and the samples of a cohort are told apart by it') }
    rows.eachWithIndex { row, index ->
        if (index && row.sample_id == rows[index - 1].sample_id) {
            refuse(row, 'sample_id', "${row.sample_id} is also on line ${rows[index - 1].line}: one GVCF a sample")
        }
    }
    def tbis = indexesOf(rows, given.rows.tbis)
    def name = given.values.cohort_id
    def meta = [id: name, prefix: name, samples: rows.collect { row -> row.sample_id }, indexed: tbis.collect { row -> row != null }]
    return [meta, filesOf(rows), filesOf(tbis)]
}

// [ meta, bam, bai, part, call ]
def samplePart(Map given) {
    def (meta, bam, bai) = indexed(given, 'bam', 'bai')
    return [withPart(given, meta), bam, bai, fileOf(given, 'part'), fileOf(given, 'call')]
}

// The same of a part, or of the whole.
def cohortPart(Map given) {
    def (meta, gvcfs, tbis) = cohort(given)
    return [withPart(given, meta), gvcfs, tbis, fileOf(given, 'part'), fileOf(given, 'call')]
}

// [ meta, evidence, tbi or [], part, call ]
def evidence(Map given) {
    if (given.rows.workspace as boolean == given.rows.gvcf as boolean) {
        error("--input ${given.input}: ${given.name} takes a workspace or a gvcf, one of both")
    }
    if (given.rows.gvcf && !given.rows.tbi) {
        refuse(given.rows.gvcf[0], 'path', "${given.rows.gvcf[0].path}: no row of role tbi is its index")
    }
    def meta = withPart(given, [id: given.values.cohort_id, prefix: given.values.cohort_id])
    return [meta, fileOf(given, 'workspace') ?: fileOf(given, 'gvcf'), fileOf(given, 'tbi'), fileOf(given, 'part'), fileOf(given, 'call')]
}

// [ meta(prefix, type), parts ]
def parts(Map given) {
    def rows = given.rows.parts
    def other = rows.find { row -> row.variant_type != rows[0].variant_type }
    if (other) {
        refuse(other, 'variant_type', "'${other.variant_type}' is not that of line ${rows[0].line}, '${rows[0].variant_type}': parts are of one VCF or GVCF")
    }
    return [named(given) + [type: rows[0].variant_type ?: 'vcf'], filesOf(rows)]
}

// [ meta(resource_name, index), vcf ]; the index is called after the file, with nothing that a shell would read.
def knownSite(Map given) {
    def row = given.rows.vcf[0]
    return [[resource_name: row.resource_name ?: row.name, index: indexName(row.name.replaceAll(/[^A-Za-z0-9._-]/, '_'))], row.file]
}

// [ meta(table), bam, bai ]
def recalibrated(Map given) {
    def (meta, bam, bai) = indexed(given, 'bam', 'bai')
    return [meta + [table: "${meta.sample}.recalibration.table".toString()], bam, bai]
}

// The known sites with their indexes, in the order of their names: [ vcfs, indexes ]
def knownSites(Map given) {
    def rows = given.rows.vcfs.toSorted { one, other -> one.resource_name <=> other.resource_name }
    return [filesOf(rows), filesOf(neededIndexes(rows, given.rows.indexes))]
}

// [ meta(mode, resources), vcf, tbi, sites, indexes ]: the resources of the mode.
def resources(Map given) {
    def mode = given.values.mode
    def all = given.rows.sites.toSorted { one, other -> one.resource_name <=> other.resource_name }
    def pairs = [all, neededIndexes(all, given.rows.indexes)].transpose()
        .findAll { site, _index -> (site.vqsr_mode.toUpperCase() ?: 'BOTH') in [mode, 'BOTH'] }
    def meta = named(given) + [mode: mode, resources: pairs.collect { site, _index -> resource(site) }]
    return [meta, fileOf(given, 'vcf'), fileOf(given, 'tbi'), filesOf(pairs.collect { pair -> pair[0] }), filesOf(pairs.collect { pair -> pair[1] })]
}

def resource(Map row) {
    if (!row.resource_name) {
        refuse(row, 'resource_name', 'is empty, and GATK calls a resource by it')
    }
    def flags = [known: 'true', training: 'false', truth: 'false'].collectEntries { column, absent -> [column, (row[column].toLowerCase() ?: absent) == 'true'] }
    if (row.prior ? !(row.prior.isDouble() && row.prior.toDouble() > 0) : flags.training || flags.truth) {
        refuse(row, 'prior', "'${row.prior}' is not a number above 0, which a resource that trains or tells the truth needs, as in 15")
    }
    return [resource_name: row.resource_name, prior: row.prior ? row.prior.toDouble() : null, path: row.file.name] + flags
}

// [ meta(mode), vcf, tbi, recal, its tbi or [], tranches ]
def model(Map given) {
    def mode = given.rows.recal[0].mode
    if (!(mode in ['SNP', 'INDEL'])) {
        refuse(given.rows.recal[0], 'mode', "'${mode}' is neither SNP nor INDEL, which tells what the model is of")
    }
    return [named(given) + [mode: mode]] + ['vcf', 'tbi', 'recal', 'recal_tbi', 'tranches'].collect { role -> fileOf(given, role) }
}

// [ meta(run), metrics, genotypes ]: how a report says the run was made; what is not known is not said.
def reported(Map given, String version) {
    def genotypes = given.rows.genotypes[0]
    def header = genotypes.file.withInputStream { stream -> new java.util.zip.GZIPInputStream(stream).newReader('UTF-8').readLine() }
    def fai = given.rows.fai[0]
    def name = genotypes.sample_id ?: given.subject
    def run = [
        cohort_id: name, samples: header.tokenize('\t').drop(2), pedigree: given.rows.pedigree ? given.rows.pedigree[0].name : '', build: fai.build,
        reference: fai.name.replaceFirst(/\.fai$/, ''), version: version, versions: [],
    ]
    def metrics = ['metrics', 'duplicates', 'recalibration'].collectMany { role -> filesOf(given.rows[role]) }
    return [[id: name, run: run], metrics.toSorted { one, other -> one.name <=> other.name }, genotypes.file]
}

// [ meta(sample, organism, batch, library), file ]: what a sample says of itself comes before the parameter.
//   scripts: the folder of their library
def cells(Map given, String role, String scripts) {
    def row = given.rows[role][0]
    def meta = [sample: given.subject, organism: row.organism ?: given.values.organism, batch: given.values.batch_key, library: digestOf(file(scripts))]
    return [meta, row.file]
}

// The parameters of a single-cell task: what is a sample's own travels with it.
def options(Map given) {
    return given.values.findAll { name, _value -> !(name in ['organism', 'batch_key', 'cohort_id']) }
}
