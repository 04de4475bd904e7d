// The manifest of a run: assets.jsonl and versions.json.
include { missingTool } from './parameters.nf'

// One line of assets.jsonl: the asset's map with its file named as it is published. `task` is the
// task that made it, `step` the one whose recipe stands for it where that is another (a gathered GVCF is what
// haplotype_caller calls), `subject` the sample or cohort where no sample_id says it; the rest are the asset's own fields.
def manifestLine(Map asset) {
    def fields = asset.findAll { key, value -> !(key in ['asset', 'folder', 'file', 'task', 'step', 'derived_from']) && value != null }
    def step = asset.step && asset.step != asset.task ? [step: asset.step] : [:]
    return groovy.json.JsonOutput.toJson(
        [asset: asset.asset, path: "${asset.folder}/${asset.file.name}".toString(), task: asset.task] + step +
        fields.sort { field -> field.key } +
        [derived_from: asset.derived_from]
    )
}

// versions.json: the tools of each task that ran, from records [ process, tool, version ]. A process that is
// included for a second purpose is called TASK__PURPOSE.
def versionsDocument(List records) {
    def tasks = new TreeMap()
    records.sort { record -> record.join(' ') }.each { name, tool, version ->
        def task = name.tokenize(':').last().split('__')[0].toLowerCase()
        tasks[task] = (tasks[task] ?: [:]) + [(tool): version]
    }
    return groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(tasks)) + '\n'
}

def manifestFiles(String outdir) {
    return ['assets.jsonl', 'versions.json'].collectEntries { name -> [name, file("${outdir}/${name}", glob: false)] }
}

// A manifest of an earlier run must not stand beside the files of one that fails.
def forgetManifest(String outdir) {
    manifestFiles(outdir).values().each { file -> file.delete() }
}

// Writes the manifest when the run has ended well.
//   run: the script's `workflow` (inside the handler that name means nothing)
//   assets: channel of one map a file; versions: channel of [ process, tool, version ]
def writeManifest(run, String outdir, assets, versions) {
    def files = manifestFiles(outdir)
    def documents = files.keySet().collectEntries { name -> [name, ''] }
    assets
        .map { asset -> manifestLine(asset) }
        .toSortedList()
        .subscribe { lines -> documents['assets.jsonl'] = lines.collect { line -> line + '\n' }.join('') }
    versions
        .toList()
        .subscribe { records -> documents['versions.json'] = versionsDocument(records) }
    // After a failure channels end early, with what was done until then: that is no manifest.
    run.onComplete {
        if (run.success) {
            file(outdir, glob: false).mkdirs()
            documents.each { name, text -> files[name].text = text }
        }
        else if (missingTool(run.errorReport)) {
            System.err.println(missingTool(run.errorReport))
        }
    }
}
