// Whether an index belongs to the file beside it. With one of another file, or of what the file once held, GATK
// ends late with an error that names neither, or reads from a wrong place.
include { isBgzip } from './files.nf'

// Of a .bai, what it says: references (how many) and last (where in the file the last block lies in which it
// knows reads, in bytes). Null where it is damaged. (SAM specification, section 5.2)
def readBai(file) {
    return readIndexed {
        def data = littleEndian(file.withInputStream { stream -> stream.readAllBytes() })
        data.position(4)
        def references = data.getInt()
        [references: references, last: lastBlock(data, references)]
    }
}

// Of a .tbi, the same, and names: of its contigs. (Tabix index file format)
def readTbi(file) {
    return readIndexed {
        def data = littleEndian(file.withInputStream { stream -> new java.util.zip.GZIPInputStream(stream).readAllBytes() })
        data.position(4)
        def references = data.getInt()
        data.position(32)
        def names = new String(data.array(), 36, data.getInt(), 'UTF-8').tokenize('\u0000')
        data.position(36 + data.getInt(32))
        [references: references, names: names, last: lastBlock(data, references)]
    }
}

def readIndexed(Closure reading) {
    try {
        return reading.call()
    }
    catch (IOException | java.nio.BufferUnderflowException | IndexOutOfBoundsException | NegativeArraySizeException | IllegalArgumentException _damaged) {
        return null
    }
}

def littleEndian(byte[] bytes) {
    return java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN)
}

// The chunks of a bin are in the order of the file; bin 37450 counts reads, and its chunks are no places. Behind the
// bins comes a linear index, of 8 bytes a window.
def lastBlock(data, int references) {
    def last = 0L
    references.times {
        data.getInt().times {
            def bin = data.getInt()
            def end = data.getInt() * 16 + data.position()
            if (bin != 37450 && end > data.position()) {
                last = Math.max(last, data.getLong(end - 8) >>> 16)
            }
            data.position(end)
        }
        data.position(data.getInt() * 8 + data.position())
    }
    return last
}

// Whether a block of a bgzip file begins at a place, or the file ends there.
def isBlock(file, long place) {
    return place < file.size() ? isBgzip(file, place) : place == file.size()
}

// Why a .bai is not the index of a BAM of so many contigs, or null.
def baiProblem(bai, bam, int contigs) {
    def index = readBai(bai)
    if (!index) {
        return 'is damaged'
    }
    if (index.references != contigs) {
        return "has ${index.references} contigs and the BAM ${contigs}"
    }
    return isBlock(bam, index.last) ? null : 'points to places where the BAM has no reads'
}

// Why a .tbi is not the index of a VCF with such contigs, or null.
def tbiProblem(tbi, vcf, contigs) {
    def index = readTbi(tbi)
    if (!index) {
        return 'is damaged'
    }
    def foreign = contigs ? index.names.find { name -> !(name in contigs) } : null
    if (foreign) {
        return "has contig ${foreign}, which the header of the GVCF has not"
    }
    return isBlock(vcf, index.last) ? null : 'points to places where the GVCF has no records'
}
