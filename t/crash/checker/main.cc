// checker [--mend] ROOT user ...: brings an instance up as after a power cut, finishes the deliveries that
// wait in the queue, and tells everything that is in the mailboxes. For t/crash: one process instead of all
// daemons.
//
// --mend: what reconstruct does to every mailbox, first.
// Standard output: one line a fact, "name value ...\n"; a "message" line is followed by as many bytes as its
// last word says. The last line is "end". Exit status 1: something could not be opened, told on standard
// error.
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "channels/ims_master/ims_channel.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/daemon/instance_journal.h"
#include "common/net/loop.h"
#include "mta/queue/reader.h"
#include "store/delivery.h"
#include "store/detail/paths.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "store/stored/server.h"

extern char** environ;

namespace waxwing {
namespace {

// stored on a thread.
class Stored {
 public:
  static Result<std::unique_ptr<Stored>> start(std::shared_ptr<const Config> config) {
    std::unique_ptr<Stored> stored(new Stored);
    TRY(stored->server_, store::Server::start(stored->loop_, stored->workers_, std::move(config)));
    stored->thread_ = std::thread([loop = &stored->loop_] { loop->run(); });
    return stored;
  }
  ~Stored() {
    if (!thread_.joinable()) return;
    loop_.post([this] {
      server_.reset();
      loop_.post([this] { loop_.stop(); });
    });
    thread_.join();
  }

 private:
  Stored() = default;
  EventLoop loop_;
  WorkerPool workers_{2};
  std::unique_ptr<store::Server> server_;
  std::thread thread_;
};

// ---- the queue ------------------------------------------------------------------------------------
// As ims_master would: the same delivery ids.
Result<> finish_file(store::Store& store, const mta::queue::Queue& queue, const mta::queue::FileName& name) {
  auto reader = mta::queue::Reader::open(queue, name);
  if (!reader) {
    fmt::print("damaged {} {}\n", name.relative(), reader.error().text);
    return {};
  }
  if (const auto whole = reader->verify_message(); !whole) {
    fmt::print("damaged {} {}\n", name.relative(), whole.error().text);
    return {};
  }
  const auto& recipients = reader->envelope().recipients;
  bool left = false;
  for (std::size_t n = 0; n < recipients.size(); ++n) {
    if (recipients[n].progress.status != mta::queue::Status::pending) continue;
    TRY(const auto address, channels::parse_store_address(recipients[n]));
    store::DeliveryTarget target;
    target.user = address.user;
    target.folder = address.folder;
    target.delivery_id = fmt::format("{}.{}/{}", name.id, name.copy, n);
    target.may_repeat_since = reader->envelope().arrival_ms / 1000;
    store::DeliveryMessage message;
    message.file = &reader->file();
    const auto result = store::deliver(store, message, {target}).front();
    left |= !result.fine();
    fmt::print("delivered {} {} {} {}\n", name.relative(), address.user,
               result.outcome == store::Delivered::repeated ? "repeated"
               : result.fine()                              ? "ok"
                                                            : "failed",
               result.text);
  }
  return left ? Result<>() : queue.remove(name);
}

Result<> finish_queue(store::Store& store, const mta::queue::Queue& queue) {
  TRY(const auto channels, queue.channels());
  for (const auto& channel : channels) {
    std::vector<mta::queue::FileName> names;
    TRY_VOID(queue.scan(channel, [&](const mta::queue::FileName& name) {
      names.push_back(name);
      return true;
    }));
    for (const auto& name : names)
      if (channel == "ims-ms")
        TRY_VOID(finish_file(store, queue, name));
      else
        fmt::print("waiting {}\n", name.relative());
  }
  return {};
}

// ---- the mailboxes --------------------------------------------------------------------------------
std::string flags_of(const store::MessageInfo& info, const std::vector<std::string>& keywords) {
  static constexpr std::pair<std::uint32_t, const char*> kNames[] = {{store::kSeen, "\\Seen"},
                                                                     {store::kAnswered, "\\Answered"},
                                                                     {store::kFlagged, "\\Flagged"},
                                                                     {store::kDeleted, "\\Deleted"},
                                                                     {store::kDraft, "\\Draft"}};
  std::string text;
  for (const auto& [bit, name] : kNames)
    if (info.flags & bit) text += (text.empty() ? "" : ",") + std::string(name);
  for (std::size_t n = 0; n < keywords.size(); ++n)
    if (info.keywords.has(n)) text += (text.empty() ? "" : ",") + keywords[n];
  return text.empty() ? "-" : text;
}

Result<> tell_mailbox(store::Store& store, const store::MailboxEntry& entry) {
  TRY(const auto mailbox, store.open_mailbox(entry));
  TRY(const auto view, mailbox->view(true));
  TRY(const auto status, store.status(entry));
  fmt::print("folder {} {} {} {} {} {} {} {}\n", entry.name.user, view->uidvalidity(), status.messages,
             status.unseen, status.uidnext, status.highestmodseq, status.size, entry.name.folder);
  const auto keywords = mailbox->keywords();
  for (std::uint32_t n = 1; n <= view->exists(); ++n) {
    const auto info = view->message(n);
    std::string bytes, why = "-";
    auto file = mailbox->open_message(info);
    if (file) {
      if (auto got = file->read(0, file->size()))
        bytes = std::move(*got);
      else
        why = got.error().text;
    } else {
      why = file.error().text;
    }
    const auto cached = mailbox->cached(info);
    fmt::print("message {} {} {} {} {} {}\n", info.uid, flags_of(info, keywords), info.size, cached ? 1 : 0,
               why == "-" ? "whole" : "unreadable:" + replace_all(why, " ", "_"), bytes.size());
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  }
  return {};
}

Result<> tell_user(store::Store& store, const std::string& user) {
  TRY(const auto entries, store.list(user));
  for (const auto& entry : entries) {
    const auto told = tell_mailbox(store, entry);
    if (!told) fmt::print("unusable {} {} {}\n", user, entry.name.folder, told.error().text);
  }
  TRY(const auto usage, store.quota_usage(user));
  fmt::print("quota {} {} {}\n", user, usage.messages, usage.bytes);
  return {};
}

// The command, as an operator would run it; its lines come into ours.
Result<> reconstruct(const std::string& root, std::vector<std::string> options) {
  std::fflush(stdout);
  char self[4096] = {};
  if (::readlink("/proc/self/exe", self, sizeof self - 1) < 0)
    return std::unexpected(system_error("readlink", errno));
  options.insert(options.begin(),
                 {parent_directory(parent_directory(self)) + "/bin/reconstruct", "--instance", root});
  std::vector<char*> arguments;
  for (auto& word : options) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = ::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ))
    return std::unexpected(system_error(arguments[0], error));
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || WIFSIGNALED(status))
    return bug("reconstruct was killed by a signal");
  return {};
}

Result<> mend(const std::string& root) {
  TRY_VOID(reconstruct(root, {"-m"}));
  return reconstruct(root, {"-r", "-f"});
}

Result<> run(bool mending, const std::string& root, const std::vector<std::string>& users) {
  TRY(const auto config, Config::load(root));
  TRY_VOID(open_instance_journal(*config));
  TRY(const auto stored, Stored::start(config));
  TRY(const auto store, store::Store::open(config));
  if (mending) TRY_VOID(mend(root));
  const mta::queue::Queue queue(config->path_of("queue"), config->path_of("run/job_controller"));
  const auto each = [&](const auto& work) {
    for (const auto& user : users)
      if (const auto done = work(*store, user); !done)
        fmt::print("unusable {} * {}\n", user, done.error().text);
  };
  TRY_VOID(finish_queue(*store, queue));
  each(tell_user);
  fmt::print("end\n");
  return {};
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool mending = !words.empty() && words.front() == "--mend";
  if (mending) words.erase(words.begin());
  if (words.empty()) return 2;
  const auto root = words.front();
  words.erase(words.begin());
  const auto done = waxwing::run(mending, root, words);
  if (!done) fmt::print(stderr, "checker: {}\n", done.error().text);
  std::fflush(stdout);
  ::_exit(done ? 0 : 1);  // as by a kill: nothing is put in order on the way out
}
