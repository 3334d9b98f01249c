#include <catch2/catch.hpp>

#include <filesystem>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/config/allowed.h"
#include "common/config/config.h"

using namespace waxwing;

namespace {
struct Instance {
  std::string root = "/tmp/waxwing config " + unique_id();
  explicit Instance(const std::string& text) {
    std::filesystem::create_directories(root + "/config");
    REQUIRE(replace_file(root + "/config/msg.conf", text));
  }
  ~Instance() { std::filesystem::remove_all(root); }
};
}  // namespace

TEST_CASE("options are read by either name, with defaults and free parts") {
  Instance instance(
      "# comment\nlocal.hostname = mail.example.test\nservice.listenaddr=127.0.0.1\n"
      "tls.sni.second.certificate = tls/second.pem\nlocal.postmaster = \" quoted \"\n");
  auto config = Config::load(instance.root);
  REQUIRE(config);
  CHECK((*config)->text("local.hostname") == "mail.example.test");
  CHECK((*config)->text("local.listenaddr") == "127.0.0.1");
  CHECK((*config)->number("daemon.workers") == 16);
  CHECK((*config)->text("local.postmaster") == " quoted ");
  CHECK((*config)->path("tls.key") == instance.root + "/tls/server.key");
  CHECK((*config)->starred("tls.sni.*.certificate").at("second") == "tls/second.pem");
  CHECK((*config)->is_set("local.hostname"));
  CHECK_FALSE((*config)->is_set("log.level"));
  CHECK_THROWS_AS((*config)->text("no.such.option"), std::logic_error);
}

TEST_CASE("a wrong line is refused with file, line and reason") {
  struct Row {
    const char* text;
    const char* says;
  };
  for (const auto& row :
       {Row{"x\n", "no '='"}, Row{"\n\nnosuch = 1\n", "line 3: no option is called 'nosuch'"},
        Row{"daemon.workers = many\n", "whole number"}, Row{"daemon.workers = 0\n", "from 1 to 1000"},
        Row{"store.stored.timeout = 0\n", "1 or more"}, Row{"directory.cachetime = -5\n", "0 or more"},
        Row{"store.defaultmailboxquota = -2\n", "-1 or more"}, Row{"log.level = verbose\n", "one of debug"},
        Row{"tls.minimumprotocol = SSLv3\n", "one of TLSv1.2"}}) {
    Instance instance(row.text);
    auto config = Config::load(instance.root);
    REQUIRE_FALSE(config);
    CHECK_THAT(config.error().text, Catch::Contains(row.says));
  }
}

TEST_CASE(
    "the instance is where the config folder of an installed tree leads, and nothing else of that name") {
  Instance instance("local.hostname = a.example.test\n");
  const std::string tree = instance.root + "/opt", elsewhere = instance.root + "/etc";
  std::filesystem::create_directories(tree);
  std::filesystem::create_symlink(instance.root + "/config", tree + "/config");
  CHECK(find_instance(tree).value_or("") == tree);  // there are no programs where it leads
  std::filesystem::create_directories(instance.root + "/bin");
  REQUIRE(replace_file(instance.root + "/bin/watcher", ""));
  CHECK(find_instance(tree).value_or("") == instance.root);
  CHECK(find_instance(tree + "/").value_or("") == instance.root);
  CHECK(find_instance(instance.root).value_or("") == instance.root);
  // Configuration that was moved away alone.
  std::filesystem::create_directories(elsewhere);
  std::filesystem::rename(instance.root + "/config", elsewhere + "/config");
  std::filesystem::create_symlink(elsewhere + "/config", instance.root + "/config");
  CHECK(find_instance(instance.root).value_or("") == instance.root);
  CHECK_FALSE(find_instance(instance.root + "/nowhere"));
}

TEST_CASE("what an option may be is told of options that there are") {
  for (const auto& row : allowed_values()) {
    INFO(row.name);
    REQUIRE(find_option(row.name));
    CHECK(find_option(row.name)->name == row.name);
  }
}

TEST_CASE("every default in the registry fits its own option") {
  for (const auto& spec : option_registry()) {
    INFO(spec.name);
    CHECK(check_option(spec, spec.fallback) == "");
    CHECK_FALSE(spec.help.empty());
  }
}

TEST_CASE("every wrong line is told, and what is right can be had without them") {
  Instance instance(
      "local.hostname = mail.example.test\nno equals\nservice.imap.port = many\nnosuch = 1\nimap.port = "
      "144\n");
  const auto strict = Config::load(instance.root);
  REQUIRE_FALSE(strict);
  for (const char* words :
       {"msg.conf line 2: no '='", "msg.conf line 3: service.imap.port = many: must be a port",
        "msg.conf line 4: no option is called 'nosuch'"})
    CHECK(strict.error().text.find(words) != std::string::npos);
  std::vector<BadLine> bad;
  const auto rest = Config::load_good_lines(instance.root, bad);
  REQUIRE(rest);
  REQUIRE(bad.size() == 3);
  CHECK(bad[0].option.empty());
  CHECK(bad[1].option == "imap.port");
  CHECK(bad[2].option.empty());
  CHECK((*rest)->text("local.hostname") == "mail.example.test");
  CHECK((*rest)->number("imap.port") == 144);
}
