#!/bin/sh
# the manual pages are there and please mandoc
set -u
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 1; }
failed=0
for page in fieldcertd.8 fieldcertd.conf.5 fieldcert-agent.8 fieldcert-agent.conf.5 \
	fieldcertctl.1 fieldcert-protocol.7; do
	if [ ! -f "man/$page" ]; then
		echo "there is no man/$page"
		failed=1
	fi
done
for page in man/*.[1-9]; do
	mandoc -T lint -W warning "$page" || failed=1
done
exit $failed
