// The shell line that gives the JVM its heap: JDK_JAVA_OPTIONS reaches every launcher of GATK.
// What the user has set there stays and, being last, wins.
//   heap: share of the task's memory, less than 1 because the JVM and native code need some, too:
//         0.8, or 0.6 for GenomicsDB, whose buffers are native
//   quick: whether to stop at the first compiler, which pays in a JVM that runs for seconds
//   crowded: whether its like keep all CPUs busy. Compiled by the second compiler alone, 2 Mb are called
//            in 36 s, not in 33, by a HaplotypeCaller that has two CPUs, and two at once take 46 s, not 54.
def javaOptions(memory, heap, quick, crowded = false) {
    // A heap that is full ends the JVM with 134, at which the task is tried again with more
    // (conf/resources.config). By itself GATK ends with 137 where its main thread finds the heap
    // full, and with 3 where a thread that writes a BAM does, as it does for any other error.
    def options = ['-XX:+CrashOnOutOfMemoryError']
    if (memory) {
        options << "-Xmx${heapOf(memory.toMega(), heap)}m"
    }
    if (quick) {
        options << '-XX:TieredStopAtLevel=1'
    }
    else if (crowded) {
        options << '-XX:-TieredCompilation'
    }
    // No core file, which would be as large as the heap.
    return "ulimit -c 0; export JDK_JAVA_OPTIONS=\"${options.join(' ')} \${JDK_JAVA_OPTIONS:-}\""
}

// The heap of so many megabytes. What is needed beside it does not grow with all of them: Broad's
// pipelines (WARP) leave 0.5 to 1 GB, and 5 of 30 for GenomicsDB. So the share counts up to 12 GB,
// and the smallest tasks leave 400 MB: a GATK on a little data takes 180 (measured).
def heapOf(memory, heap) {
    def beside = [(1 - heap) * [memory, 12288].min(), [0.4 * memory, 400].min()].max()
    return (memory - beside) as long
}

// Whether the input is so small that start-up decides how long a JVM runs.
def isSmall(files) {
    return bytesOf(files) < 200_000_000L
}

// The same for a tool that computes, not only copies: at 24 MB of reads ApplyBQSR takes 5 s with both
// compilers and 10 s with the first.
def isTiny(files) {
    return bytesOf(files) < 2_000_000L
}

def bytesOf(files) {
    return [files].flatten().collect { item -> item.size() }.sum()
}
