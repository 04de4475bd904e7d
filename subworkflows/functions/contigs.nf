// Contigs, as every kind of file names them: a map name -> length in the order of the file, the length
// null where the file does not say it. (No includes here: each of many scripts may include this one.)

// Of a samtools index; empty where it is none.
def contigsOfFai(file) {
    def rows = file.readLines().collect { line -> line.tokenize('\t') }
    return rows.every { row -> row.size() >= 5 && row[1].isLong() } ? rows.collectEntries { row -> [row[0], row[1] as long] } : [:]
}

// Of the @SQ lines that a BAM's header, a sequence dictionary or an interval list has.
def contigsOfSamHeader(List lines) {
    return lines.findAll { line -> line.startsWith('@SQ\t') }.collectEntries { line ->
        def tags = samTags(line)
        [tags.SN, tags.LN?.isLong() ? tags.LN as long : null]
    }
}

// The fields of a line of a SAM header.
def samTags(String line) {
    return line.tokenize('\t').drop(1).collectEntries { tag -> [tag.take(2), tag.drop(3)] }
}

// Of the ##contig lines of a VCF's header.
def contigsOfVcfHeader(List lines) {
    return lines.findAll { line -> line.startsWith('##contig=<') }.collectEntries { line ->
        def length = (line =~ /[<,]length=(\d+)/)
        [(line =~ /[<,]ID=([^,>]+)/).with { id -> id.find() ? id.group(1) : line }, length.find() ? length.group(1) as long : null]
    }
}

// Of a FASTA, plain or gzipped, by reading it all: in large pieces, and in lines only where names are.
def contigsOfFasta(file, boolean compressed) {
    def contigs = [:]
    def name = ''
    def cut = ''
    file.withInputStream { stream ->
        (compressed ? new java.util.zip.GZIPInputStream(stream, 65536) : stream).eachByte(1_048_576) { bytes, count ->
            def text = cut + new String(bytes, 0, count, 'ISO-8859-1')
            def lines = text.contains('>') ? text.split('\n', -1).toList() : [text]
            cut = lines[-1].startsWith('>') ? lines[-1] : ''
            lines.take(cut ? lines.size() - 1 : lines.size()).each { line ->
                if (line.startsWith('>')) {
                    name = line.drop(1).tokenize(' \t\r')[0] ?: ''
                    contigs[name] = 0L
                }
                else {
                    contigs[name] = (contigs[name] ?: 0L) + line.replace('\n', '').replace('\r', '').size()
                }
            }
        }
    }
    return contigs.findAll { contig, _length -> contig }
}

// What the head of a BAM says: lines (of its header's text), contigs, groups (the read groups that its
// first reads name, null where one names none), and by_name: whether its header and its first 10,000
// reads say that it is in the order of their names as GATK compares them (samtools counts the digits in
// names as numbers, and says queryname too). Null where it is damaged.
def bamHead(file) {
    try {
        return file.withInputStream { stream ->
            def data = new java.io.DataInputStream(new java.util.zip.GZIPInputStream(new java.io.BufferedInputStream(stream), 65536))
            data.readInt()
            def lines = textOf(data).readLines()
            def contigs = [:]
            littleInt(data).times {
                def name = textOf(data)
                contigs[name] = littleInt(data) as long
            }
            def sorted = sortOrder(lines) == 'queryname'
            def reads = (1..(sorted ? 10000 : 1000)).collect { nextRead(data) }.findAll()
            def names = reads.collect { read -> read.name }
            def groups = reads.take(1000).collect { read -> read.group }.toSet()
            [lines: lines, contigs: contigs, groups: groups, by_name: sorted && names == names.toSorted()]
        }
    }
    catch (IOException | NegativeArraySizeException | IllegalArgumentException | IndexOutOfBoundsException _damaged) {
        return null
    }
}

// The order of a BAM's reads, by its header; null where that says nothing.
def sortOrder(List lines) {
    def first = lines.find { line -> line.startsWith('@HD\t') }
    return first ? samTags(first).SO : null
}

def littleInt(data) {
    return Integer.reverseBytes(data.readInt())
}

// A text with its size before it, and maybe with a zero at its end.
def textOf(data) {
    def size = littleInt(data)
    if (size < 0 || size > 1_000_000_000) {
        throw new IOException('not the size of a text')
    }
    return new String(data.readNBytes(size), 'UTF-8').replace('\u0000', '')
}

// The next read, its name and its read group or null, or null at the end. (SAM specification, section 4.2)
def nextRead(data) {
    def size = data.readNBytes(4)
    if (size.size() < 4) {
        return null
    }
    def bytes = data.readNBytes(Integer.reverseBytes(java.nio.ByteBuffer.wrap(size).getInt()))
    def record = java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN)
    def name = 32 + (record.get(8) & 0xff)
    def bases = record.getInt(16)
    def tags = name + 4 * (record.getShort(12) & 0xffff) + (bases + 1).intdiv(2) + bases
    def text = new String(bytes, 'ISO-8859-1')
    return [name: text.substring(32, name - 1), group: groupFrom(record, text, tags)]
}

// The read group that the tags of a read name from a place on, or null.
def groupFrom(record, String text, int at) {
    if (at >= text.size()) {
        return null
    }
    def type = text.substring(at + 2, at + 3)
    def end = text.indexOf('\u0000', at)
    if (text.substring(at, at + 3) == 'RGZ') {
        return text.substring(at + 3, end)
    }
    def sizes = [A: 1, c: 1, C: 1, s: 2, S: 2, i: 4, I: 4, f: 4]
    if (type in ['Z', 'H']) {
        return groupFrom(record, text, end + 1)
    }
    def unit = sizes[type == 'B' ? text.substring(at + 3, at + 4) : type]
    if (!unit) {
        throw new IOException('not the type of a tag')
    }
    return groupFrom(record, text, at + 3 + (type == 'B' ? 5 + unit * record.getInt(at + 4) : unit))
}

// Fails where the contigs of a file are not those of a reference. A VCF of known sites may have others
// besides; with `all` each must be one of the reference's, in its order, as in a BAM or a GVCF.
//   first, second: what messages call the two files
def checkContigs(String first, Map own, String second, Map reference, boolean all) {
    def differ = 'they belong to different references or builds'
    def names = own.keySet().toList()
    def shared = names.findAll { name -> reference.containsKey(name) }
    if (names && !shared) {
        error("${first} has contig ${names[0]} and ${second} has ${reference.keySet()[0]}, and they share none: ${differ}")
    }
    def longer = shared.find { name -> own[name] != null && reference[name] != null && own[name] != reference[name] }
    if (longer) {
        error("${first} has ${own[longer]} bases on contig ${longer} and ${second} has ${reference[longer]}: ${differ}")
    }
    if (!all) {
        return
    }
    def foreign = names.find { name -> !reference.containsKey(name) }
    if (foreign) {
        error("${first} has contig ${foreign}, which ${second} has not: ${differ}")
    }
    def wanted = reference.keySet().findAll { name -> own.containsKey(name) }.toList()
    def moved = [names, wanted].transpose().find { one, other -> one != other }
    if (moved) {
        error("${first} has contig ${moved[0]} where ${second} has ${moved[1]}: the order of their contigs differs, so ${differ}")
    }
}
