#include "watcher/instance_processes.h"

#include <catch2/catch.hpp>

using namespace waxwing;

TEST_CASE("a service of the instance is known by its command line") {
  const std::string root = "/srv/a b";
  CHECK(service_of_command({"/opt/w/bin/stored", "--instance", root}, root) == "stored");
  CHECK(service_of_command({"/usr/bin/python3", "/x/imapd", "--instance", root}, root) == "imapd");
  CHECK(service_of_command({"/srv/a b/directory/slapd", "-d", "none", "-f", "x"}, root) == "slapd");
}

TEST_CASE("what only looks like a service is none") {
  const std::string root = "/srv/a b";
  CHECK(service_of_command({}, root).empty());
  CHECK(service_of_command({"/opt/w/bin/stored"}, root).empty());
  CHECK(service_of_command({"/opt/w/bin/stored", "--instance"}, root).empty());
  CHECK(service_of_command({"/opt/w/bin/stored", "--instance", "/srv/a b2"}, root).empty());
  CHECK(service_of_command({"/usr/bin/less", "/opt/w/bin/stored", "/srv/a b/x"}, root).empty());
  CHECK(service_of_command({"/opt/w/bin/smtpd", "--instance", root}, root).empty());
  CHECK(service_of_command({"/srv/a b/directory/slapd", "-T", "cat"}, root).empty());
  CHECK(service_of_command({"/usr/sbin/slapd", "-d", "none"}, root).empty());
}
