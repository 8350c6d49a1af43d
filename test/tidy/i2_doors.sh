#!/bin/sh
# I2: each foreign header is included in one folder only
set -u

# header (a pattern of `case`) and the folders below src/ that may include it
doors='
openssl/*		crypto
sqlite3.h		store
confuse.h		conf
seccomp.h		sys
linux/landlock.h	sys
linux/seccomp.h		sys
linux/filter.h		sys
sys/signalfd.h		sys
sys/timerfd.h		sys
syslog.h		sys cmd
sys/ioctl.h		sys
termios.h		sys
sys/epoll.h		sys cmd
sys/socket.h		sys cmd
sys/un.h		sys cmd
sys/uio.h		sys cmd
sys/mman.h		sys cmd
netinet/*		sys cmd
net/*			sys cmd
netdb.h			sys cmd conf
arpa/inet.h		sys cmd conf
linux/*			sys cmd
cmocka.h		none
libpq-fe.h		none
curl/*			none
'
# what needs no door: ISO C everywhere; the rest of POSIX above the pure layers
iso='assert.h ctype.h errno.h inttypes.h limits.h math.h setjmp.h stdalign.h stdarg.h
stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h time.h'
posix='dirent.h fcntl.h ftw.h getopt.h grp.h libgen.h poll.h pwd.h signal.h spawn.h
strings.h unistd.h sys/file.h sys/prctl.h sys/random.h sys/resource.h sys/stat.h
sys/statvfs.h sys/syscall.h sys/time.h sys/types.h sys/wait.h'
# the pure layers (I1), and the portable agent
pure='assert.h limits.h inttypes.h stdalign.h stdatomic.h stdbool.h stddef.h stdint.h
string.h strings.h'

allowed() { # folder header
	case $1 in
	base | wire | core | agent)
		printf '%s\n' $pure | grep -qxF -- "$2"
		return
		;;
	esac
	while read -r pattern folders; do
		[ -n "$pattern" ] || continue
		case $2 in
		$pattern)
			case " $folders " in *" $1 "*) return 0 ;; *) return 1 ;; esac
			;;
		esac
	done <<-END
	$doors
	END
	printf '%s\n' $iso $posix | grep -qxF -- "$2"
}

# every translation unit gets base/banned.h, which must include what it bans
wrong=$(set -f
grep -rnE '^[ 	]*#[ 	]*include[ 	]*<' src --include='*.[ch]' |
	grep -v '^src/base/banned.h:' |
	sed -E 's/^(src\/([a-z]+)\/[^:]*:[0-9]+):.*<([^>]*)>.*/\1 \2 \3/' |
	sort -k2,3 | {
		known='' verdict=0
		while read -r place folder header; do
			if [ "$known" != "$folder $header" ]; then
				known="$folder $header"
				allowed "$folder" "$header" && verdict=0 || verdict=1
			fi
			[ "$verdict" = 0 ] || echo "$place: <$header> has no door in src/$folder"
		done
	})
# the calls behind a header whose constants cmd/ may use
calls=$(grep -rnE '\bepoll_(create1?|ctl|p?wait2?)\b *\(' src --include='*.[ch]' | grep -v '^src/sys/' |
	sed 's/$/ (epoll is called in src\/sys only)/')
[ -z "$wrong$calls" ] || { printf '%s\n' "$wrong" "$calls" | grep .; exit 1; }
