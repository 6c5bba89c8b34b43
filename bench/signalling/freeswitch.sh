# FreeSWITCH: a B2BUA with one SIP profile and nothing loaded that a call does without. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch is the run's

freeswitch_command() { echo "${FREESWITCH:-freeswitch}"; }

freeswitch_title() { echo "FreeSWITCH, B2BUA"; }

freeswitch_version() { "$(freeswitch_command)" -version | sed 's/^\(FreeSWITCH\) version:\( [^ ]*\).*/\1\2/'; }

freeswitch_can() { [ "$1" = calls ]; }

# The whole configuration is one document. Media goes through it, as through the others.
freeswitch_run() {
    local configuration=$scratch/state/freeswitch
    mkdir -p "$configuration"/{log,db,run}
    cat >"$configuration/freeswitch.xml" <<'XML'
<document type="freeswitch/xml">
  <section name="configuration">
    <configuration name="switch.conf">
      <settings>
        <param name="max-sessions" value="60000"/>
        <param name="sessions-per-second" value="20000"/>
        <param name="rtp-start-port" value="10000"/>
        <param name="rtp-end-port" value="64999"/>
        <param name="loglevel" value="err"/>
        <param name="core-db-name" value=":memory:"/>
      </settings>
    </configuration>
    <configuration name="modules.conf">
      <modules>
        <load module="mod_commands"/>
        <load module="mod_dptools"/>
        <load module="mod_dialplan_xml"/>
        <load module="mod_sofia"/>
      </modules>
    </configuration>
    <configuration name="sofia.conf">
      <profiles>
        <profile name="bench">
          <settings>
            <param name="sip-ip" value="127.0.0.1"/>
            <param name="sip-port" value="5060"/>
            <param name="rtp-ip" value="127.0.0.1"/>
            <param name="context" value="bench"/>
            <param name="dialplan" value="XML"/>
            <param name="auth-calls" value="false"/>
            <param name="manage-presence" value="false"/>
            <param name="inbound-codec-prefs" value="PCMU"/>
            <param name="outbound-codec-prefs" value="PCMU"/>
            <param name="enable-timer" value="false"/>
          </settings>
        </profile>
      </profiles>
    </configuration>
  </section>
  <section name="dialplan">
    <context name="bench">
      <extension name="bench">
        <condition field="destination_number" expression=".*">
          <action application="bridge" data="sofia/bench/sip:service@127.0.0.1:5070"/>
        </condition>
      </extension>
    </context>
  </section>
</document>
XML
    exec "$(freeswitch_command)" -nf -nc -nonat -conf "$configuration" -log "$configuration/log" -db "$configuration/db" \
        -run "$configuration/run"
}
