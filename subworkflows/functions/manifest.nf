// One line of assets.jsonl: the asset's map with its file named as it is published. `task` is the
// task that made it, `subject` the sample or cohort where no sample_id says it; the rest are the asset's own fields.
def manifestLine(Map asset) {
    def fields = asset.findAll { key, value -> !(key in ['asset', 'folder', 'file', 'task', 'derived_from']) && value != null }
    return groovy.json.JsonOutput.toJson(
        [asset: asset.asset, path: "${asset.folder}/${asset.file.name}".toString(), task: asset.task] +
        fields.sort { field -> field.key } +
        [derived_from: asset.derived_from]
    )
}

// versions.json: the tools of each task that ran, from records [ process, tool, version ].
def versionsDocument(List records) {
    def tasks = new TreeMap()
    records.sort { record -> record.join(' ') }.each { name, tool, version ->
        def task = name.tokenize(':').last().toLowerCase()
        tasks[task] = (tasks[task] ?: [:]) + [(tool): version]
    }
    return groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(tasks)) + '\n'
}
