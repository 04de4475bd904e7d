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
