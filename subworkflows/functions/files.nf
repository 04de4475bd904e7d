// What a file is, by its first and last bytes and never by its name. All of this runs before
// the first task does.
def firstBytes(file, count) {
    return file.withInputStream { stream -> stream.readNBytes(count) }
}

def isGzip(file) {
    return firstBytes(file, 2).encodeHex().toString() == '1f8b'
}

// Whether a block of bgzip begins at a place, in bytes.
def isBgzip(file, long place = 0) {
    def start = file.withInputStream { stream ->
        stream.skipNBytes(place)
        stream.readNBytes(14)
    }
    def hex = start.encodeHex().toString()
    return hex.startsWith('1f8b0804') && hex.endsWith('4243')
}

// The first bytes of what is inside, for gzip as for plain files; null for a broken gzip.
def firstBytesInside(file, count) {
    if (!isGzip(file)) {
        return firstBytes(file, count)
    }
    try {
        return file.withInputStream { stream -> new java.util.zip.GZIPInputStream(stream).readNBytes(count) }
    }
    catch (IOException _broken) {
        return null
    }
}

// Whether a bgzip file ends with the empty block that says it is whole.
def isWholeBgzip(file) {
    if (file.size() < 28) {
        return false
    }
    def end = file.withInputStream { stream ->
        stream.skipNBytes(file.size() - 28)
        stream.readNBytes(28)
    }
    return end.encodeHex().toString() == '1f8b08040000000000ff0600424302001b0003000000000000000000'
}

// The lines of a bgzipped VCF's header, or an empty list where it cannot be read.
def vcfHeader(file) {
    try {
        return file.withInputStream { stream ->
            def header = []
            new java.util.zip.GZIPInputStream(stream).newReader('UTF-8').any { line ->
                header << line
                !line.startsWith('##')
            }
            header
        }
    }
    catch (IOException _broken) {
        return []
    }
}

// The problem with a file that must be there and hold something, or null.
def problemOf(file) {
    if (!file.exists()) {
        return 'there is no such file'
    }
    if (file.isDirectory()) {
        return 'is a folder, not a file'
    }
    if (!java.nio.file.Files.isReadable(file)) {
        return 'may not be read by you'
    }
    return file.size() == 0 ? 'the file is empty' : null
}

// The file that a parameter names.
def requiredFile(String parameter, String given) {
    def path = file(given, glob: false)
    def problem = problemOf(path)
    if (problem) {
        error("--${parameter} ${given}: ${problem}")
    }
    return path
}

// The single-cell files that parameters name; [] stands for one that is not given.
def readCellFiles(Map settings) {
    return ['marker_sets', 'labels'].collectEntries { name -> [name, settings[name] ? requiredFile(name, settings[name]) : []] }
}

// The same file under two names, through links, is still the same file.
def identityOf(file) {
    return file.fileSystem == java.nio.file.FileSystems.default ? file.toRealPath().toString() : file.toUriString()
}

// GATK finds an index by its name, beside the VCF.
def indexName(String vcf) {
    return vcf + (vcf.endsWith('.gz') ? '.tbi' : '.idx')
}

// What is made from a FASTA is called after it, with nothing in the name that a shell would read: name, and stem without
// its ending.
def referenceNames(String fasta, boolean compressed) {
    def safe = fasta.replaceAll(/[^A-Za-z0-9._-]/, '_').replaceFirst(/^[^A-Za-z0-9]+/, '') ?: 'reference.fa'
    def name = compressed ? safe.replaceFirst(/\.b?gz$/, '') : safe
    return [name: name, stem: name.replaceFirst(/\.(fa|fasta|fna|fas)$/, '')]
}

// What Nextflow does for the scripts of bin/ themselves: a value that changes with their content.
def digestOf(folder) {
    def digest = java.security.MessageDigest.getInstance('SHA-256')
    folder.listFiles().findAll { file -> file.isFile() }.sort { file -> file.name }.each { file -> digest.update(file.bytes) }
    return digest.digest().encodeHex().toString().take(16)
}

// The extensions of an index by aligner.
def indexExtensions() {
    return [bwa: ['amb', 'ann', 'bwt', 'pac', 'sa'], 'bwa-mem2': ['0123', 'amb', 'ann', 'bwt.2bit.64', 'pac']]
}
