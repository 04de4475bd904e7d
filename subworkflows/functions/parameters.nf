// The parameters, checked against nextflow_schema.json before anything else, without a plugin.
def groupsOf(schema) {
    return new groovy.json.JsonSlurper().parseText(schema.text)['$defs'].values()
}

def propertiesOf(schema) {
    return groupsOf(schema).collectEntries { group -> group.properties }
}

// Returns a checked copy of the parameters, with strings where strings are declared: the command
// line turns --cohort_id 42 into a number.
def readParameters(Map given, schema) {
    def properties = propertiesOf(schema)
    def unknown = given.keySet().find { name -> !properties.containsKey(name) }
    if (unknown) {
        def near = properties.keySet().find { name -> plain(name) == plain(unknown) }
        error("Unknown parameter --${unknown}${near ? ', did you mean --' + near + '?' : '; --help lists them'}")
    }
    def settings = properties.collectEntries { name, rule -> [name, checkedValue(name, given[name], rule)] }
    if (settings.task) {
        error("--task ${settings.task}: is for one task alone, and this is a workflow: run task.nf")
    }
    if (!settings.fasta && settings.workflow != 'scrna_clustering_pipeline') {
        error("--fasta is missing: ${settings.workflow} takes a reference, as a plain or gzipped FASTA; single cell is --workflow scrna_clustering_pipeline")
    }
    if (!settings.input && settings.workflow != 'prepare_reference') {
        error("--input is missing: ${settings.workflow} takes a samplesheet")
    }
    if (file(settings.outdir, glob: false).isFile()) {
        error("--outdir ${settings.outdir}: is a file, not a folder")
    }
    return settings
}

def plain(String name) {
    return name.toLowerCase().replaceAll(/[^a-z0-9]/, '')
}

def checkedValue(String name, value, Map rule) {
    if (value == null) {
        return null
    }
    def kinds = [
        string: value instanceof CharSequence || value instanceof Number,
        integer: value instanceof Integer || value instanceof Long,
        number: value instanceof Number,
        boolean: value instanceof Boolean,
        array: value instanceof List && value.every { item -> item instanceof CharSequence },
    ]
    def types = [rule.type].flatten()
    if (!types.any { type -> kinds[type] }) {
        error("--${name} ${value}: must be ${types[0] == 'integer' ? 'an' : 'a'} ${types[0]}")
    }
    def checked = 'string' in types && !(value instanceof List) ? value.toString() : value
    if ('string' in types && !checked) {
        error("--${name} is empty")
    }
    if (rule['enum'] && !(checked in rule['enum'])) {
        error("--${name} ${checked}: must be one of ${rule['enum'].join(', ')}")
    }
    if (rule.pattern && !(checked ==~ rule.pattern)) {
        error("--${name} '${checked.take(120)}': ${rule.errorMessage}")
    }
    if (rule.minimum != null && checked < rule.minimum) {
        error("--${name} ${checked}: must be at least ${rule.minimum}")
    }
    if (rule.exclusiveMinimum != null && checked <= rule.exclusiveMinimum) {
        error("--${name} ${checked}: must be above ${rule.exclusiveMinimum}")
    }
    if (rule.maximum != null && checked > rule.maximum) {
        error("--${name} ${checked}: must be at most ${rule.maximum}")
    }
    return checked
}

// What to do where a task failed because its tool is not there, by Nextflow's report of it; '' for other failures.
def missingTool(report) {
    def found = (report ?: '') =~ /(\S+): command not found/
    def tool = found.find() ? found.group(1) : ''
    def other = tool == 'bwa-mem2' ? ', or --aligner bwa where bwa is' : ''
    return tool ? "Hint: ${tool} is not on PATH. Install it, or take a profile with images, such as -profile docker${other}.".toString() : ''
}

def helpText(schema, String version) {
    def groups = groupsOf(schema).collect { group ->
        def width = group.properties.keySet().collect { name -> name.size() }.max() + 2
        def lines = group.properties.collect { name, rule ->
            def notes = [rule['enum'] ? rule['enum'].join(' | ') : rule.type, rule.containsKey('default') ? "default ${rule.default}" : null]
            "  --${name.padRight(width)}${rule.description} [${notes.findAll().join(', ')}]"
        }
        ([group.title] + lines).join('\n')
    }
    return ([
        "stargazer ${version}: germline short variants from reads, BAMs or GVCFs; cell clusters and their marker genes from single-cell counts",
        """\
            nextflow run . --workflow germline_short_variant_discovery --input samplesheet.csv --fasta reference.fa [-profile PROFILE]
            nextflow run . --workflow scrna_clustering_pipeline --input samplesheet.csv [-profile PROFILE]
            profiles: local, docker, podman, apptainer, singularity, charliecloud, conda, slurm, awsbatch, googlebatch, kubernetes, test, test_scrna""".stripIndent(),
    ] + groups).join('\n\n') + '\n'
}
