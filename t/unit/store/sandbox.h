// A store in a scratch directory with a stored of its own, in this process.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "store/delivery.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "store/stored/server.h"

namespace waxwing::store::test {

inline std::shared_ptr<const Config> make_instance(const std::string& root, const std::string& options = "") {
  REQUIRE(make_directories(root + "/config"));
  REQUIRE(make_directories(root + "/run"));
  REQUIRE(replace_file(
      root + "/config/msg.conf",
      (options.find("stored.timeout") == std::string::npos ? "store.stored.timeout = 5\n" : "") + options));
  auto config = Config::load(root);
  INFO((config ? "" : config.error().text));
  REQUIRE(config);
  return *config;
}

// stored on a thread.
class StoredThread {
 public:
  explicit StoredThread(std::shared_ptr<const Config> config) : workers_(4) {
    auto server = Server::start(loop_, workers_, std::move(config));
    INFO((server ? "" : server.error().text));
    REQUIRE(server);
    server_ = std::move(*server);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~StoredThread() {
    loop_.post([this] {
      server_.reset();
      loop_.post([this] { loop_.stop(); });
    });
    thread_.join();
  }

 private:
  EventLoop loop_;
  WorkerPool workers_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

class Sandbox {
 public:
  explicit Sandbox(const std::string& options = "")
      : Sandbox(std::filesystem::temp_directory_path() / ("waxwing-store-" + unique_id()), options) {}
  // In a directory that may hold an instance already.
  Sandbox(const std::string& root, const std::string& options) : root_(root) {
    config_ = make_instance(root_, options);
    start_stored();
    reopen();
  }
  ~Sandbox() {
    store_.reset();
    stored_.reset();
    (void)remove_tree(root_);
  }
  void start_stored() { stored_ = std::make_unique<StoredThread>(config_); }
  void stop_stored() { stored_.reset(); }
  // As another process would see it.
  void reopen() {
    store_.reset();
    store_ = another();
  }
  std::shared_ptr<Store> another() {
    auto store = Store::open(config_);
    REQUIRE(store);
    return *store;
  }
  Store& store() { return *store_; }
  std::shared_ptr<const Config> config() { return config_; }
  const std::string& root() const { return root_; }
  std::shared_ptr<Mailbox> mailbox(const std::string& user, const std::string& folder = "INBOX") {
    auto entry = store_->find_or_create(*MailboxName::make(user, folder));
    INFO((entry ? "" : entry.error().text));
    REQUIRE(entry);
    auto mailbox = store_->open_mailbox(*entry);
    INFO((mailbox ? "" : mailbox.error().text));
    REQUIRE(mailbox);
    return *mailbox;
  }

 private:
  std::string root_;
  std::shared_ptr<const Config> config_;
  std::unique_ptr<StoredThread> stored_;
  std::shared_ptr<Store> store_;
};

inline std::vector<DeliveryResult> deliver(Store& store, const std::string& message,
                                           const std::vector<DeliveryTarget>& targets) {
  auto draft = store.begin_delivery();
  REQUIRE(draft);
  REQUIRE(draft->write(message));
  return store::deliver(store, {.draft = &*draft}, targets);
}

// What damage does to a file.
inline void overwrite(const std::string& path, std::uint64_t at, const std::string& bytes) {
  const auto fd = open_file(path, O_RDWR);
  REQUIRE(fd);
  REQUIRE(write_at(fd->get(), at, bytes));
}

inline std::string sample(const std::string& subject) {
  return "From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: " + subject + "\r\nMessage-ID: <" +
         subject + "@example.test>\r\nDate: Sun, 22 Nov 2026 04:10:00 +0000\r\n\r\nHello " + subject + "\r\n";
}

}  // namespace waxwing::store::test
