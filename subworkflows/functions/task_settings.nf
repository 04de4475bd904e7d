// The parameters of one task that is run alone, checked against its meta.yml and nextflow_schema.json.
include { checkedValue; plain; propertiesOf } from './parameters.nf'
include { isSafeName } from './rows.nf'

// Returns a map: name (of the task), meta (its meta.yml), values (its parameters and labels by name), input, outdir.
//   modules: the folder of the modules
def readTask(Map given, schema, modules) {
    def name = given.task
    if (!name) {
        error("--task is missing: the tasks are ${taskNames(modules).join(', ')}")
    }
    def meta = metaOf(name.toString(), modules)
    def rules = propertiesOf(schema)
    def own = (meta.parameters ?: []) + (meta.labels ?: [])
    checkNames(given, rules, general(schema), own, name)
    def values = own.collectEntries { item -> [item.name, valueOf(given, item, rules[item.name] ?: [:], name)] }
    (meta.labels ?: []).findAll { label -> values[label.name] != null }.each { label ->
        if (!isSafeName(values[label.name].toString())) {
            error("--${label.name} '${values[label.name].toString().take(120)}' names files: it has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit")
        }
    }
    if (!given.input) {
        error("--input is missing: ${name} takes a CSV that names its files, with the columns role and path; the roles are ${meta.inputs.collect { role -> role.name }.join(', ')}")
    }
    def outdir = checkedValue('outdir', given.outdir, rules.outdir)
    if (file(outdir, glob: false).isFile()) {
        error("--outdir ${outdir}: is a file, not a folder")
    }
    return [name: name, meta: meta, values: values, input: given.input.toString(), outdir: outdir]
}

def taskNames(modules) {
    return modules.listFiles().toList().findAll { tool -> tool.name != 'functions' && tool.isDirectory() }
        .collectMany { tool -> tool.listFiles().toList() }
        .findAll { folder -> folder.resolve('meta.yml').exists() }
        .collect { folder -> folder.name }
        .sort()
}

// What a task takes and makes, as its meta.yml says.
def metaOf(String name, modules) {
    def folder = modules.listFiles().toList().collect { tool -> tool.resolve(name) }.find { path -> isSafeName(name) && path.resolve('meta.yml').exists() }
    if (!folder) {
        def near = taskNames(modules).find { task -> plain(task) == plain(name) }
        error("There is no task '${name.take(60)}'${near ? ', did you mean ' + near + '?' : '; the tasks are ' + taskNames(modules).join(', ')}")
    }
    return new org.yaml.snakeyaml.Yaml().load(folder.resolve('meta.yml').text)
}

// The parameters that every task takes: where files are, and how tasks are run.
def general(schema) {
    def groups = new groovy.json.JsonSlurper().parseText(schema.text)['$defs']
    return ['task', 'input', 'outdir'] + ['cluster', 'containers', 'running'].collectMany { group -> groups[group].properties.keySet() }
}

// Fails for a parameter that is none, and for one of other tasks that is set.
def checkNames(Map given, Map rules, List general, List own, name) {
    def names = own.collect { item -> item.name }
    def takes = names ? names.collect { known -> "--${known}" }.join(', ') : 'none'
    given.each { parameter, value ->
        if (parameter in names || parameter in general) {
            return
        }
        if (!rules.containsKey(parameter)) {
            def near = (names + general).find { known -> plain(known) == plain(parameter) }
            error("Unknown parameter --${parameter}${near ? ', did you mean --' + near + '?' : ': ' + name + ' takes ' + takes}")
        }
        if (value != null && value != rules[parameter]['default']) {
            error("--${parameter} ${value}: is no parameter of ${name}, which takes ${takes}")
        }
    }
}

// A value by the rules of the schema and of meta.yml: the first say what is a number's range, the second what is chosen from.
def valueOf(Map given, Map item, Map rule, name) {
    def value = given.containsKey(item.name) ? given[item.name] : item['default']
    if (value == null && item.required) {
        error("--${item.name} is missing: ${name} takes one of ${item.choices.join(', ')}")
    }
    return checkedValue(item.name, value, rule + [type: item.type] + (item.choices ? ['enum': item.choices] : [:]))
}

// What a task takes and makes; without one, which there are.
def taskHelp(Map given, modules, String version) {
    def usage = 'nextflow run task.nf --task NAME --input inputs.csv [--outdir results] [-profile PROFILE]'
    if (!given.task) {
        return "stargazer ${version}: one task alone\n\n${usage}\n\n${taskNames(modules).join('\n')}\n"
    }
    def meta = metaOf(given.task.toString(), modules)
    def inputs = meta.inputs.collect { role -> [role.name, "${role.description} [${role.required ? 'needed' : 'may be missing'}${role.many ? ', one row or more' : ''}]"] }
    def own = ((meta.parameters ?: []) + (meta.labels ?: [])).collect { item -> ["--${item.name}", "${item.description} [${item.choices ? item.choices.join(' | ') : item.type}, ${item.required ? 'needed' : 'default ' + item['default']}]"] }
    def outputs = meta.outputs.collect { output -> [output.name, output.description] }
    def groups = ['Inputs, the column role of --input': inputs, Parameters: own, Outputs: outputs].findAll { _title, rows -> rows }
    return ([meta.description, usage] + groups.collect { title, rows -> ([title] + rows.collect { name, text -> "  ${name.padRight(36)}${text}" }).join('\n') }).join('\n\n') + '\n'
}
