// What the single-cell modules have in common: their command lines and their memory.

// One word of a shell command, whatever is in it.
def quoted(value) {
    return "'" + value.toString().replace("'", "'\\''") + "'"
}

// The file that is staged into a folder of its own, and the name that messages call it by.
def inputOptions(file) {
    return "--input ${quoted(file.name)} --name ${quoted(file.name.tokenize('/').last())}"
}

// The same for a file that may be missing, and is [] then.
def fileOption(String option, file) {
    return file ? "${option} ${quoted(file.name)}" : ''
}

// The options of the values that are set: [min_genes: 100, mt_prefix: null] is --min-genes='100'.
def optionsOf(Map values) {
    return values
        .findAll { _name, value -> value != null }
        .collect { name, value -> "--${name.replace('_', '-')}=${quoted(value)}" }
        .join(' ')
}

// The shell line that keeps compiled code to the cpus that a task asked for. More or fewer change no result.
def threads(cpus) {
    return "export NUMBA_NUM_THREADS=${cpus}"
}

// What Python and its libraries need, and so many times the size of the file, which is compressed.
def memoryFor(file, times) {
    // A staged folder cannot be listed, what it stands for can.
    def given = file.toRealPath()
    def files = given.isDirectory() ? given.listFiles().toList() : [given]
    return 2.GB + 1.B * times * files.collect { item -> item.size() }.sum()
}
