// What the pipeline's configuration is under each of many profiles, as JSON: one start of Nextflow for all.
workflow {
    println(groovy.json.JsonOutput.toJson(params.profiles.tokenize(';').collectEntries { profile -> [profile, summary(profile)] }))
}

def summary(profile) {
    def config = new nextflow.config.ConfigBuilder()
        .setOptions(new nextflow.cli.CliOptions())
        .setBaseDir(file(params.root))
        .setCmdConfig(new nextflow.cli.CmdConfig(profile: profile, args: [params.root]))
        .build()
    def engines = ['docker', 'podman', 'apptainer', 'singularity', 'charliecloud', 'conda']
    [
        executor: config.process.executor,
        enabled: engines.findAll { name -> config[name]?.enabled },
        engine: engines.collectEntries { name -> [name, config[name]] }.findAll { _name, settings -> settings },
        queue: config.process.queue instanceof Closure ? null : config.process.queue,
        work: config.workDir,
        aws: config.aws,
        google: config.google,
        k8s: config.k8s,
        cpus: config.process.cpus,
        labels: config.process.keySet().findAll { key -> key.startsWith('withLabel:') }.collect { key -> key - 'withLabel:' },
    ]
}
