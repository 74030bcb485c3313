# Writes a tensorflow.serving.SSLConfig: ssl-config.sh FOLDER FILE
#   FOLDER         with tls.crt and tls.key, PEM, and ca.crt where clients are verified
#   FILE           the text proto
#   CLIENT_VERIFY  "true" to ask clients for a certificate
# Nothing but bash is needed, which both servers' images have.
set -eu
umask 077
folder=$1 file=$2

# PEM consists of letters, digits, "+/=-" and blanks, so only line ends must be escaped.
field() {
  [[ -r $2 ]] || { echo "ssl-config.sh: $2: expected a PEM file, found none" >&2; exit 1; }
  local content
  content=$(<"$2")
  case $content in
    *-----BEGIN*) ;;
    *) echo "ssl-config.sh: $2: expected PEM, found something else" >&2; exit 1 ;;
  esac
  content=${content//$'\r'/}
  printf '%s: "%s\\n"\n' "$1" "${content//$'\n'/\\n}"
}

text=$(
  field server_key "$folder/tls.key"
  field server_cert "$folder/tls.crt"
  if [[ ${CLIENT_VERIFY:-false} == true ]]; then
    field custom_ca "$folder/ca.crt"
    echo 'client_verify: true'
  fi
)
printf '%s\n' "$text" >"$file"
