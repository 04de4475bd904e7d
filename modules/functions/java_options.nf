// The shell line that gives the JVM its heap: JDK_JAVA_OPTIONS reaches every launcher of GATK.
// What the user has set there stays and, being last, wins.
//   heap: share of the task's memory, less than 1 because the JVM and native code need some, too
//   quick: whether to stop at the first compiler, which pays in a JVM that runs for seconds
def javaOptions(memory, heap, quick) {
    // A heap that is full ends the JVM with 134, at which the task is tried again with more
    // (conf/resources.config). By itself GATK ends with 137 where its main thread finds the heap
    // full, and with 3 where a thread that writes a BAM does, as it does for any other error.
    def options = ['-XX:+CrashOnOutOfMemoryError']
    if (memory) {
        options << "-Xmx${(memory.toMega() * heap) as long}m"
    }
    if (quick) {
        options << '-XX:TieredStopAtLevel=1'
    }
    // No core file, which would be as large as the heap.
    return "ulimit -c 0; export JDK_JAVA_OPTIONS=\"${options.join(' ')} \${JDK_JAVA_OPTIONS:-}\""
}

// Whether the input is so small that start-up decides how long a JVM runs.
def isSmall(files) {
    return bytesOf(files) < 200_000_000L
}

// The same for a tool that computes for a minute where others run for a second.
def isTiny(files) {
    return bytesOf(files) < 2_000_000L
}

def bytesOf(files) {
    return [files].flatten().collect { item -> item.size() }.sum()
}
