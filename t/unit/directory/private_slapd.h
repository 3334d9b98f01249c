// A real slapd on a Unix socket in a scratch folder, by etc/lib/private-slapd, for tests. The working
// directory is the top of the repository.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/directory/directory.h"
#include "common/directory/editor.h"

namespace waxwing::test {

class PrivateSlapd {
 public:
  PrivateSlapd() {
    char name[] = "/tmp/waxwing slapd XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = name;
    run({"prepare", "--domain", "example.test"});
    url_ = std::string(trim(read("directory/url")));
    const auto secrets = read("directory/secrets");
    for (const auto line : split(secrets, '\n')) {
      const auto value = std::string(trim(line.substr(std::min(line.find('=') + 1, line.size()))));
      if (line.starts_with("directory.bindpassword")) reader_password_ = value;
      if (line.starts_with("directory.adminpassword")) manager_password_ = value;
    }
    start();
  }
  ~PrivateSlapd() {
    stop(SIGKILL);
    (void)remove_tree(root_);
  }

  void start() {
    pid_ = ::fork();
    if (pid_ == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      ::dup2(null, 1);
      ::dup2(null, 2);
      ::execl("etc/lib/private-slapd", "private-slapd", root_.c_str(), "serve", nullptr);
      ::_exit(127);
    }
    wait_until_it_answers();
  }
  void stop(int signal = SIGTERM) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    if (signal == SIGKILL) ::kill(pid_, SIGCONT);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void freeze() { ::kill(pid_, SIGSTOP); }
  void thaw() { ::kill(pid_, SIGCONT); }

  const std::string& url() const { return url_; }
  directory::Settings settings() const {
    directory::Settings settings;
    settings.urls = {url_};
    settings.bind_dn = "cn=reader,o=isp";
    settings.bind_password = reader_password_;
    settings.base_dn = "o=isp";
    settings.default_domain = "example.test";
    settings.connect_timeout_ms = 30000;
    settings.search_timeout_ms = 30000;
    settings.retry_min_ms = 20;
    settings.retry_max_ms = 50;
    return settings;
  }
  directory::Editor editor() const {
    auto editor = directory::Editor::open(settings(), "cn=Directory Manager,o=isp", manager_password_);
    if (!editor) throw std::runtime_error(editor.error().text);
    return std::move(*editor);
  }
  // A mail user in example.test with these further attributes.
  void add_user(const std::string& uid, directory::Editor::Attributes more = {},
                const std::string& base = "o=example.test,o=isp") {
    directory::Editor::Attributes all = {
        {"objectClass", {"inetOrgPerson", "inetUser", "inetMailUser", "inetLocalMailRecipient"}},
        {"uid", {uid}},
        {"cn", {uid}},
        {"sn", {uid}}};
    bool has_mail = false;
    for (auto& one : more) {
      has_mail = has_mail || one.first == "mail";
      all.push_back(std::move(one));
    }
    if (!has_mail) all.push_back({"mail", {uid + "@example.test"}});
    const auto added =
        editor().add({"uid=" + directory::escape_dn(uid) + ",ou=People," + base, std::move(all)});
    if (!added) throw std::runtime_error(added.error().text);
  }

 private:
  std::string read(const std::string& name) { return read_file(root_ + "/" + name).value(); }
  void run(std::vector<std::string> words) {
    std::vector<const char*> argv = {"private-slapd", root_.c_str()};
    for (const auto& word : words) argv.push_back(word.c_str());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      ::execv("etc/lib/private-slapd", const_cast<char**>(argv.data()));
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) throw std::runtime_error("private-slapd " + words[0] + " failed");
  }
  // connect() is the only event a starting slapd offers.
  void wait_until_it_answers() {
    const auto deadline = monotonic_ms() + 20000;
    while (monotonic_ms() < deadline) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      const auto path = root_ + "/run/ldapi";
      std::memcpy(address.sun_path, path.data(), path.size());
      const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    throw std::runtime_error("slapd does not start");
  }

  std::string root_, url_, reader_password_, manager_password_;
  pid_t pid_ = 0;
};

}  // namespace waxwing::test
