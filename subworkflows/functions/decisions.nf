// What `auto` means. Each function returns [ value, reason ]; the reason is for people.

// Base quality recalibration: 'on' or 'off'.
def decideBqsr(Map settings, List _sites, List _rows) {
    return [value: settings.bqsr == 'on' ? 'on' : 'off', reason: "--bqsr ${settings.bqsr}"]
}

// Variant filtering: 'vqsr', 'hard' or 'none'.
def decideFilter(Map settings, List _sites, List _rows, Map _reference) {
    return [value: settings.filter == 'auto' ? 'none' : settings.filter, reason: "--filter ${settings.filter}"]
}
