#!/usr/bin/env bash
# How devices and server speak, with the programs as they are installed: HTTPS under an authority of the test's own, and MQTT
# by a broker of its own, which is restarted, as is the server, and which the server leaves in the middle of its work.
#   transport.sh BUILD
set -euo pipefail
build=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
. "$source/tests/end_to_end/processes.sh"
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
# As an application would: COUNT inferences of the active model, told to the device's agent.
infers() {
  node -e '
    const [socketPath, count] = process.argv.slice(1);
    const inferences = Array.from({ length: Number(count) }, () => ({ latency_ms: 3, ok: true }));
    const body = JSON.stringify({ version: "1.0.0", inferences });
    const request = require("http").request({ socketPath, method: "POST", path: "/v1/models/fashion/inferences",
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } },
      (answer) => { process.exitCode = answer.statusCode < 300 ? 0 : 1; answer.resume(); });
    request.end(body);' "$1/agent.sock" "$2" || fail "the agent of $1 does not take inferences"
}
answers_at_server() {
  NODE_EXTRA_CA_CERTS=ca.pem node -e '
    fetch(`${process.env.WHET_SERVER}/api/v1/devices/${process.argv[1]}`, { headers: { authorization: `Bearer ${process.env.WHET_TOKEN}` } })
      .then((r) => r.json())
      .then((it) => console.log((it.series ?? []).reduce((n, p) => n + p.count, 0)))' "$1"
}
server_has() { (($(answers_at_server "$1") == $2)); }

# --- an authority that signs for this machine, and one that nobody trusts

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
for name in ca mallory; do
  openssl req -x509 "${new_key[@]}" -subj "/CN=$name" -days 2 -keyout $name.key -out $name.pem 2>/dev/null
done
certificate() { # NAME AUTHORITY
  openssl req "${new_key[@]}" -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -out "$1.pem" \
    -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") 2>/dev/null
}
certificate server ca
certificate broker ca

# --- keys, a release, a server by HTTPS

export WHET_PASSPHRASE="correct horse"
mkdir -p keys online data
for name in root targets release; do whet key new keys/$name.key >/dev/null; done
whet key new online/online.key >/dev/null
printf '%s\n' "$WHET_PASSPHRASE" >passphrase
admin=(--keys keys --key online/online.key)
whet tuf create repo --root keys/root.key --targets keys/targets.key --online online/online.key "${admin[@]}" >/dev/null
whet tuf delegate models.fashion --repo repo --signer keys/release.key "${admin[@]}" >/dev/null
whet tuf delegate rollouts.stable --repo repo --signer online/online.key "${admin[@]}" >/dev/null
whet pack "$source/models/fashion_mnist/residual.onnx" --family fashion --version 1.0.0 -o release --golden random:7 \
  --golden-count 2 --latency-ms-mean 1000 >/dev/null
whet sign release --repo repo --key keys/release.key >/dev/null
whet publish release --repo repo --key online/online.key >/dev/null
for role in releaser device; do whet serve token create --role $role --name $role --data data >$role.token; done

broker_port=$(free_port)
server_port=$(free_port)
start_server() {
  start server server.log "$build/whet" serve --data data --repo repo --keys online --passphrase-file passphrase \
    --listen "127.0.0.1:$server_port" --tls-cert server.pem --tls-key server.key \
    --mqtt "mqtts://server:server-word@127.0.0.1:$broker_port" --mqtt-ca ca.pem
  eventually grep -q "serving at https://" server.log
}

# --- a broker with passwords, by TLS; it keeps what it has promised when it is restarted

mkdir broker-data
cat >mosquitto.conf <<CONF
listener $broker_port 127.0.0.1
cafile ca.pem
certfile broker.pem
keyfile broker.key
allow_anonymous false
password_file passwords
user $(id -un)
persistence true
persistence_location $work/broker-data/
CONF
touch passwords
chmod 600 passwords
for name in server camera-3 camera-4 load; do mosquitto_passwd -b passwords $name "$name-word"; done
start_broker() { start broker broker.log /usr/sbin/mosquitto -c mosquitto.conf; }
start_broker
start_server
WHET_SERVER="https://127.0.0.1:$server_port"
WHET_TOKEN=$(cat releaser.token)
export WHET_SERVER WHET_TOKEN
refused "certificate" whet rollout set --channel stable --family fashion --version 1.0.0
refused "certificate" whet rollout set --channel stable --family fashion --version 1.0.0 --ca-file mallory.pem
whet rollout set --channel stable --family fashion --version 1.0.0 --trial 0 --ca-file ca.pem >/dev/null

# --- devices: one that trusts the authority, one that trusts another, one that reports by MQTT

device() { # NAME CA TELEMETRY
  mkdir "$1"
  cat >"$1/agent.json" <<JSON
{
  "device": "$1", "families": ["fashion"], "repository": "$WHET_SERVER/repo", "root": "repo/metadata/1.root.json", "ca_file": "$2",
  "state_folder": "$work/$1/state", "socket": "$1/agent.sock", "poll_s": 0.5, "self_test": {"runs": 3},
  "telemetry": {$3, "interval_s": 1}
}
JSON
  start "agent of $1" "$1/agent.log" "$build/whet-agent" --config "$1/agent.json"
}
https="\"url\": \"$WHET_SERVER/v1/metrics\", \"token_file\": \"device.token\""
mqtt() { echo "\"mqtt_host\": \"127.0.0.1\", \"mqtt_port\": $broker_port, \"mqtt_tls\": true, \"mqtt_user\": \"$1\", \"mqtt_password_file\": \"$1.word\""; }
for name in camera-3 camera-4 load; do echo $name-word >$name.word; done
device camera-1 ca.pem "$https"
device camera-2 mallory.pem "$https"
device camera-3 ca.pem "$(mqtt camera-3)"
device camera-4 ca.pem "$(mqtt camera-4), \"mqtt_receipts\": \"\""
eventually runs camera-1 1.0.0
infers camera-1 7
eventually server_has camera-1 7
eventually grep -q "certificate" camera-2/agent.log
eventually runs camera-3 1.0.0
eventually runs camera-4 1.0.0
[[ ! -e camera-2/state/fashion ]] || ! runs camera-2 1.0.0 || fail "camera-2 took a release from a server that it must not trust"
[[ $(whet fleet devices --ca-file ca.pem --json | member 'it.devices.some((d) => d.device === "camera-2")') == false ]] ||
  fail "camera-2 has sent telemetry to a server that it must not trust"

# --- MQTT: nothing is lost when the broker is restarted, and nothing when the server is

infers camera-3 11
infers camera-4 11
eventually server_has camera-3 11
eventually server_has camera-4 11
for name in camera-3 camera-4; do
  if grep -q "stay in the spool" $name/agent.log; then fail "$name takes what it has sent for a failure"; fi
done
ends broker TERM
infers camera-3 13
sleep 2 # the agent tries, and keeps what it cannot send
server_has camera-3 11 || fail "reports came without a broker"
start_broker
eventually server_has camera-3 24
# The server is away. A device that waits for receipts keeps what it has; for one that does not, the broker keeps it, which
# is restarted itself.
spool_is_empty() { [[ $(agent_status "$1" | member 'it.spooled_reports') == 0 ]]; }
ends server TERM
mv server.log server.before.log
infers camera-3 17
infers camera-4 17
eventually spool_is_empty camera-4
eventually grep -q "no server says that it took them" camera-3/agent.log
if spool_is_empty camera-3; then fail "camera-3 has nobody's word for what it has dropped"; fi
ends broker TERM
start_broker
start_server
eventually server_has camera-3 41
eventually server_has camera-4 28
eventually spool_is_empty camera-3
# A device that the broker does not know sends nothing.
echo wrong >camera-3.word
infers camera-3 19
eventually grep -q -i "refuse\|not authori" camera-3/agent.log
echo camera-3-word >camera-3.word
eventually server_has camera-3 60

# --- the server is killed again and again while devices send all they can: each report ends in its database, once

mkdir load
start load load.log "$build/tests/mqtt_load" load 127.0.0.1 "$broker_port" ca.pem load load.word 16 whet/v1/receipts data/whet.db
for ((round = 0; round < 12; ++round)); do
  sleep "1.$((RANDOM % 10))"
  ends server KILL
  rm server.log
  start_server
done
touch load/stop
wait "${process[load]}" || { cat load.log; fail "reports are lost, or there twice"; }
unset "process[load]"
echo "$(tail -n 1 load.log), the server killed $round times"
echo "transport: https and mqtt, and nothing was lost ($SECONDS s)"
