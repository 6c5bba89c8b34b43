# Asterisk: a B2BUA with PJSIP and one route. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch is the run's

asterisk_command() { echo "${ASTERISK:-asterisk}"; }

asterisk_title() { echo "Asterisk, B2BUA"; }

asterisk_version() { "$(asterisk_command)" -V; }

asterisk_can() { [ "$1" = calls ]; }

# It loads what is installed; most of that finds no configuration and does nothing.
asterisk_run() {
    local configuration=$scratch/state/asterisk data=${ASTERISK_DATA:-/usr/share/asterisk}
    [ -d "$data" ] || data=/var/lib/asterisk
    mkdir -p "$configuration"/{lib,spool,run,log}
    cat >"$configuration/asterisk.conf" <<CONF
[directories]
astetcdir => $configuration
astmoddir => ${ASTERISK_MODULES:-$(asterisk_modules)}
astvarlibdir => $configuration/lib
astdatadir => $data
astdbdir => $configuration/lib
astkeydir => $configuration/lib
astspooldir => $configuration/spool
astrundir => $configuration/run
astlogdir => $configuration/log
CONF
    cat >"$configuration/pjsip.conf" <<'CONF'
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:5060
[sipp]
type = endpoint
transport = udp
context = bench
disallow = all
allow = ulaw
aors = sipp
direct_media = no
[sipp]
type = aor
contact = sip:127.0.0.1:5070
qualify_frequency = 0
[sipp]
type = identify
endpoint = sipp
match = 127.0.0.1
CONF
    printf '[modules]\nautoload = yes\nnoload = chan_sip.so\n' >"$configuration/modules.conf"
    printf '[bench]\nexten => _.,1,Dial(PJSIP/sipp)\n' >"$configuration/extensions.conf"
    printf '[general]\nrtpstart = 10000\nrtpend = 64999\n' >"$configuration/rtp.conf"
    printf '[logfiles]\n' >"$configuration/logger.conf"
    printf '[general]\nenable = no\n' | tee "$configuration/cdr.conf" >"$configuration/cel.conf"
    exec "$(asterisk_command)" -f -C "$configuration/asterisk.conf"
}

# Where distributions and its own installation put its modules.
asterisk_modules() {
    local directory
    for directory in "/usr/lib/$(uname -m)-linux-gnu/asterisk/modules" /usr/lib64/asterisk/modules; do
        if [ -e "$directory/chan_pjsip.so" ]; then echo "$directory" && return; fi
    done
    echo /usr/lib/asterisk/modules
}
