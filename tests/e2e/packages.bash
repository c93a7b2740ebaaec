# Sourced behind stage.bash: RPM packages to publish, and a real dnf with everything it keeps below $W/dnf.
#
# Gives: $D that folder, with the folder repos.d for its repositories, and the functions below.

# build_package NAME BUILD KILOBYTES DIRECTORY: BUILD is what is in it, so that the same name and version with another
# BUILD is a rebuild in place.
build_package() {
  cat >"$W/$1.spec" <<SPEC
Name: $1
Version: 1.0
Release: 1
Summary: $2
License: MIT
BuildArch: noarch
%define _binary_payload w0.gzdio
%description
$2
%install
mkdir -p %{buildroot}/usr/share/$1
echo $2 > %{buildroot}/usr/share/$1/build
head -c $(($3 * 1024)) /dev/urandom > %{buildroot}/usr/share/$1/data
%files
/usr/share/$1
SPEC
  rpmbuild --quiet --define "_topdir $W/rpmbuild" --define "_rpmdir $4" -bb "$W/$1.spec" >>"$W/rpmbuild.log" 2>&1
}

as_root=()
[ "$(id -u)" = 0 ] || as_root=(unshare --map-root-user)
D=$W/dnf
mkdir -p "$D/repos.d" "$D/log"
# What it says is in $W/dnf.log. Without plugins of this machine: one of them makes a repo of what was downloaded.
run_dnf() { # ARGUMENT...
  timeout 200 ${as_root[@]+"${as_root[@]}"} dnf -y ${QUIET--q} --installroot="$D/root" --releasever=9 \
    --forcearch=x86_64 --setopt=reposdir="$D/repos.d" --setopt=cachedir="$D/cache" --setopt=persistdir="$D/persist" \
    --setopt=logdir="$D/log" --setopt=plugins=0 "$@" >>"$W/dnf.log" 2>&1
}
