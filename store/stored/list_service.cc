#include "store/stored/list_service.h"

#include <unistd.h>

#include <algorithm>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/path.h"
#include "common/base/spread.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "store/detail/errors.h"
#include "store/detail/event_of.h"
#include "store/detail/partitions.h"
#include "store/detail/paths.h"
#include "store/list/protocol.h"

namespace waxwing::store {

namespace {
std::shared_ptr<const Surroundings> surroundings(const Config& config,
                                                 std::function<void(const Event&)> tell) {
  auto around = std::make_shared<Surroundings>();
  around->repair = config.flag("store.autorepair");
  around->tell = std::move(tell);
  return around;
}
Record ok() {
  return Record("ok");
}
Record ok(const MailboxEntry& entry) {
  return std::move(ok().set("entry", encode_entry(entry)));
}

bool is_mailbox_id(std::string_view id) {
  return !id.empty() && id.size() < 32 && std::ranges::all_of(id, is_alnum);
}

// A row is removed with the files that it names, so it names a mailbox's own directory and nothing else.
Result<> check_place(const MailboxEntry& entry) {
  if (is_mailbox_id(entry.id) && entry.directory == user_directory(entry.name.user) + "/" + entry.id)
    return {};
  return fail_permanently(Code::cannot, "the files of " + entry.name.text() + " cannot be in " +
                                            printable(entry.partition + "/" + entry.directory));
}

// Fields of a row end at a TAB.
Result<> check_special_use(std::string_view text) {
  if (std::ranges::none_of(text, [](unsigned char c) { return c < ' '; })) return {};
  return fail_permanently(Code::cannot, "not a special use: " + printable(text));
}
}  // namespace

ListService::ListService(std::shared_ptr<const Config> config, std::unique_ptr<ListDb> db,
                         std::function<void(const Event&)> tell)
    : config_(config),
      partitions_(partitions_of(*config)),
      db_(std::move(db)),
      tell_(tell),
      mailboxes_(partitions_, surroundings(*config, tell)) {}

Record ListService::answer(const Record& question) {
  using Handler = Answer (ListService::*)(const Record&);
  static const std::map<std::string_view, Handler> kHandlers{
      {"find", &ListService::find},
      {"create", &ListService::create},
      {"remove", &ListService::remove},
      {"rename", &ListService::rename},
      {"list", &ListService::list},
      {"subscribe", &ListService::subscribe},
      {"unsubscribe", &ListService::unsubscribe},
      {"subscriptions", &ListService::subscriptions},
      {"adopt", &ListService::adopt},
      {"forget", &ListService::forget},
      {"partitions", &ListService::partitions},
  };
  const auto at = kHandlers.find(question.verb());
  Answer answer = at == kHandlers.end()
                      ? Answer(permanent("stored does not know the question " + question.verb()))
                      : (this->*at->second)(question);
  if (!answer && code_of(answer.error()) == Code::none)
    log::Event("stored.question.failed")
        .with("question", question.verb())
        .with("reason", answer.error().text)
        .warning();
  auto record = answer ? std::move(*answer) : encode_error(answer.error());
  record.set("id", question.get("id"));
  return record;
}

void ListService::tell(EventKind kind, const MailboxEntry& entry, const std::string& from) {
  auto event = event_of(kind, entry);
  event.from = from;
  tell_(event);
}

Result<MailboxEntry> ListService::need(const std::string& name) {
  TRY(auto entry, db_->find(name));
  if (!entry) return fail_permanently(Code::nonexistent, "no mailbox " + name);
  return std::move(*entry);
}

Result<std::string> ListService::directory_of(const MailboxEntry& entry) const {
  TRY(const auto partition, mailboxes_.partition(entry.partition));
  return partition + "/" + entry.directory;
}

ListService::Answer ListService::find(const Record& question) {
  TRY(const auto entry, need(std::string(question.get("name"))));
  return ok(entry);
}

ListService::Answer ListService::create(const Record& question) {
  TRY(const auto name, MailboxName::parse(question.get("name")));
  const std::string id(question.get("mailbox_id"));
  if (!is_mailbox_id(id)) return bug("create without a mailbox id");
  TRY_VOID(check_special_use(question.get("special_use")));
  const std::lock_guard lock(lock_of(name.user));
  TRY(const auto known, db_->find(name.text()));
  if (known && known->id == id) return ok(*known);  // asked again after a broken connection
  if (known) return fail_permanently(Code::already_exists, "mailbox " + name.text() + " exists");
  TRY_VOID(check_folder_count(name));
  TRY(const auto entry, make_mailbox(name, id, std::string(question.get("partition")),
                                     std::string(question.get("special_use"))));
  tell(EventKind::mailbox_created, entry);
  return ok(entry);
}

// Mail finds its INBOX however many folders there are.
Result<> ListService::check_folder_count(const MailboxName& name) {
  const auto most = static_cast<std::size_t>(config_->number("store.maxfolders"));
  if (most == 0 || name.is_inbox()) return {};
  TRY(const auto count, db_->folder_count(name.user, most));
  if (count < most) return {};
  return fail_permanently(Code::limit, name.user + " has " + std::to_string(most) + " mailboxes: no more");
}

Result<> ListService::check_subscription_count(const std::string& user, const MailboxName& name) {
  const auto most = static_cast<std::size_t>(config_->number("store.maxfolders"));
  if (most == 0) return {};
  TRY(const auto count, db_->subscription_count(user, most));
  if (count < most) return {};
  TRY(const auto known, db_->is_subscribed(user, name.text()));
  if (known) return {};
  return fail_permanently(Code::limit, user + " has " + std::to_string(most) + " subscriptions: no more");
}

Result<MailboxEntry> ListService::make_mailbox(const MailboxName& name, const std::string& id,
                                               const std::string& partition, const std::string& special_use) {
  MailboxEntry entry;
  entry.name = name;
  entry.id = id;
  entry.special_use = special_use;
  // An account lies in one partition: where its first mailbox was made.
  TRY(const auto siblings, db_->page("user/" + name.user + "/", "", 1));
  entry.partition = !siblings.empty()   ? siblings.front().partition
                    : partition.empty() ? config_->text("store.defaultpartition")
                                        : partition;
  entry.directory = user_directory(name.user) + "/" + id;
  TRY(const auto directory, directory_of(entry));
  const auto account_directory = parent_directory(directory);
  TRY_VOID(Account::create(account_directory, name.user));
  TRY(const auto account, mailboxes_.account(account_directory));
  TRY(entry.uidvalidity, account->next_uidvalidity());
  TRY_VOID(MailboxFiles::create(directory, id, entry.uidvalidity, name));
  TRY_VOID(failpoint("stored.create.files"));
  TRY_VOID(db_->put(entry));
  return entry;
}

ListService::Answer ListService::remove(const Record& question) {
  TRY(const auto name, MailboxName::parse(question.get("name")));
  const std::lock_guard lock(lock_of(name.user));
  TRY(const auto entry, db_->find(name.text()));
  if (!entry && question.has("retry")) return ok();
  if (!entry) return fail_permanently(Code::nonexistent, "no mailbox " + name.text());
  const auto item = entry->partition + "\t" + entry->directory;
  TRY_VOID(db_->apply({.remove = {name.text()}, .put = {}, .trash = {item}}));
  TRY_VOID(failpoint("stored.remove.row"));
  sweep_one(item);
  tell(EventKind::mailbox_deleted, *entry);
  return ok();
}

// Tells who has it open, gives its share of the quota back, removes the files.
void ListService::sweep_one(const std::string& item) {
  const auto tab = item.find('\t');
  const auto partition = mailboxes_.partition(item.substr(0, tab));
  if (!partition) return;  // not configured now: it may come back
  const auto directory = *partition + "/" + item.substr(tab + 1);
  const auto account = mailboxes_.account(parent_directory(directory));
  if (account)
    if (const auto index = Index::open(directory))
      if (const auto writer = (*index)->lock(**account)) {
        const auto& header = (*writer)->header();
        (*account)->add_usage(-static_cast<std::int64_t>(header.bytes),
                              -static_cast<std::int64_t>(header.messages));
        (*writer)->mark(kMailboxGone);
      }
  // First its name: without an index but with a name it would be taken for damaged, and rebuilt.
  ::unlink((directory + "/store.name").c_str());
  if (const auto removed = remove_tree(directory); !removed) {
    log::Event("stored.sweep.failed")
        .with("directory", directory)
        .with("reason", removed.error().text)
        .warning();
    return;
  }
  // Else a power cut could bring files back that nobody looks after any more.
  if (!durable::commit(std::move(durable::Batch().directory(parent_directory(directory))))) return;
  (void)db_->trash_done(item);
}

void ListService::sweep() {
  constexpr std::int64_t kDraftSeconds = 6 * 3600;  // far longer than any session waits for its client
  for (const auto& [nick, path] : partitions_) tidy_drafts(path, kDraftSeconds);
  const auto items = db_->trash();
  if (!items) return;
  for (const auto& item : *items) sweep_one(item);
}

Result<std::vector<MailboxEntry>> ListService::all_below(const std::string& prefix) {
  std::vector<MailboxEntry> all;
  for (std::string after;;) {
    TRY(auto page, db_->page(prefix, after, 1000));
    if (page.empty()) return all;
    after = page.back().name.text();
    std::move(page.begin(), page.end(), std::back_inserter(all));
  }
}

ListService::Answer ListService::rename(const Record& question) {
  TRY(const auto from, MailboxName::parse(question.get("from")));
  TRY(const auto to, MailboxName::parse(question.get("to")));
  if (from.user != to.user)
    return fail_permanently(Code::cannot, "a mailbox cannot change its user: " + to.text());
  if (from.is_inbox() || to.is_inbox()) return fail_permanently(Code::cannot, "INBOX keeps its name");
  if (to.folder.starts_with(from.folder + "/"))
    return fail_permanently(Code::cannot, "a mailbox cannot go below itself: " + to.text());
  const std::lock_guard lock(lock_of(from.user));
  TRY(const auto target, db_->find(to.text()));
  TRY(const auto self, db_->find(from.text()));
  TRY(auto moving, all_below(from.text() + "/"));
  if (self) moving.push_back(*self);
  if (moving.empty() && target && question.has("retry")) return ok();
  if (moving.empty()) return fail_permanently(Code::nonexistent, "no mailbox " + from.text());
  if (target) return fail_permanently(Code::already_exists, "mailbox " + to.text() + " exists");
  ListDb::Change change;
  for (const auto& old : moving) {
    auto entry = old;
    TRY(entry.name, MailboxName::make(to.user, to.folder + old.name.folder.substr(from.folder.size())));
    TRY(const auto taken, db_->find(entry.name.text()));
    if (taken) return fail_permanently(Code::already_exists, "mailbox " + entry.name.text() + " exists");
    change.remove.push_back(old.name.text());
    change.put.push_back(std::move(entry));
  }
  TRY_VOID(db_->apply(change));
  for (std::size_t n = 0; n < moving.size(); ++n) {
    const auto& entry = change.put[n];
    // Only for reconstruct -m; the list is what counts.
    if (const auto directory = directory_of(entry))
      (void)replace_file(*directory + "/store.name", entry.name.text() + "\n");
    tell(EventKind::mailbox_renamed, entry, moving[n].name.text());
  }
  return ok();
}

ListService::Answer ListService::list(const Record& question) {
  const auto limit = std::clamp<std::int64_t>(question.number("limit", kListPage), 1, kListPage);
  TRY(const auto page, db_->page(std::string(question.get("prefix")), std::string(question.get("after")),
                                 static_cast<std::size_t>(limit)));
  auto answer = ok();
  std::size_t bytes = 0;
  bool cut = page.size() == static_cast<std::size_t>(limit);
  for (const auto& entry : page) {
    const auto text = encode_entry(entry);
    bytes += text.size() + 16;
    cut = cut || bytes > Record::kMaxBytes / 2;
    if (bytes > Record::kMaxBytes / 2) break;
    answer.set("entry", text);
  }
  if (cut) answer.set("more", 1);
  return answer;
}

ListService::Answer ListService::subscribe(const Record& question) {
  TRY(const auto name, MailboxName::parse(question.get("name")));
  const std::string user(question.get("user"));
  TRY_VOID(check_subscription_count(user, name));
  TRY_VOID(db_->subscribe(user, name.text()));
  MailboxEntry entry;
  entry.name = name;
  tell(EventKind::subscribed, entry);
  return ok();
}

ListService::Answer ListService::unsubscribe(const Record& question) {
  TRY(const auto name, MailboxName::parse(question.get("name")));
  TRY_VOID(db_->unsubscribe(std::string(question.get("user")), name.text()));
  MailboxEntry entry;
  entry.name = name;
  tell(EventKind::subscribed, entry);
  return ok();
}

ListService::Answer ListService::subscriptions(const Record& question) {
  constexpr std::size_t kPage = 60;  // names of up to 1500 bytes fit a packet
  TRY(const auto names,
      db_->subscriptions(std::string(question.get("user")), std::string(question.get("after")), kPage));
  auto answer = ok();
  for (const auto& name : names) answer.set("name", name);
  if (names.size() == kPage) answer.set("more", 1);
  return answer;
}

ListService::Answer ListService::adopt(const Record& question) {
  TRY(const auto entry, decode_entry(question.get("entry")));
  TRY_VOID(mailboxes_.partition(entry.partition));
  TRY_VOID(check_place(entry));
  const std::lock_guard lock(lock_of(entry.name.user));
  // Deleted once, perhaps, with files that could not be removed then: the sweep must not take them now.
  TRY_VOID(db_->trash_done(entry.partition + "\t" + entry.directory));
  TRY_VOID(db_->put(entry));
  tell(EventKind::mailbox_created, entry, entry.name.text());
  return ok(entry);
}

ListService::Answer ListService::forget(const Record& question) {
  TRY(const auto entry, need(std::string(question.get("name"))));
  TRY_VOID(db_->apply({.remove = {entry.name.text()}, .put = {}, .trash = {}}));
  tell(EventKind::mailbox_deleted, entry);
  return ok();
}

void ListService::note_expunge(const std::string& mailbox) {
  if (const auto noted = db_->note_purge(mailbox); !noted)
    log::Event("stored.purge.not-noted")
        .with("mailbox", mailbox)
        .with("reason", noted.error().text)
        .warning();
}

void ListService::purge_due() {
  const auto until = wall_seconds() - config_->number("store.cleanupage");
  for (std::string after;;) {
    const auto names = db_->to_purge(after, 1000);
    if (!names || names->empty()) return;
    for (const auto& name : *names) {
      after = name;
      const auto entry = db_->find(name);
      if (!entry) return;
      // Taken off first: an expunge while we purge puts it on again.
      (void)db_->purge_done(name);
      if (!*entry) continue;
      auto full = **entry;
      const auto directory = directory_of(full);
      if (!directory) continue;
      full.directory = *directory;
      const auto mailbox = mailboxes_.open(full);
      const auto purged = mailbox ? (*mailbox)->purge(until) : Result<bool>(std::unexpected(mailbox.error()));
      if (!purged)
        log::Event("stored.purge.failed").with("mailbox", name).with("reason", purged.error().text).warning();
      if (mailbox && (!purged || !*purged || (*mailbox)->has_dead())) (void)db_->note_purge(name);
      mailboxes_.forget(full.id);
    }
  }
}

Result<bool> ListService::has_mailboxes(const std::string& nick) {
  for (std::string after;;) {
    TRY(const auto page, db_->page("user/", after, 1000));
    if (page.empty()) return false;
    if (std::ranges::any_of(page, [&](const auto& entry) { return entry.partition == nick; })) return true;
    after = page.back().name.text();
  }
}

ListService::Answer ListService::partitions(const Record&) {
  Record answer("ok");
  for (const auto& [nick, path] : partitions_) {
    const auto present = check_present(path);
    if (present) continue;
    TRY(const bool used, has_mailboxes(nick));
    if (used) answer.set("away", nick).set("why", text_of(present.error()));
  }
  return answer;
}

Result<> ListService::prepare_partitions() {
  for (const auto& [nick, path] : partitions_) {
    const auto present = check_present(path);
    if (present) {
      spread_subdirectories(path + "/=user");
      continue;
    }
    TRY(const bool used, has_mailboxes(nick));
    if (used) {
      log::Event("stored.partition.away")
          .with("partition", nick)
          .with("why", text_of(present.error()))
          .critical();
      continue;
    }
    TRY_VOID(make_directories(path + "/=user"));
    spread_subdirectories(path + "/=user");
    TRY_VOID(durable::commit(std::move(durable::Batch().directory(path))));
  }
  return {};
}

Result<ListRebuildReport> ListService::rebuild(const SalvagedList& salvaged) {
  return rebuild_list(*db_, mailboxes_, partitions_, salvaged);
}

}  // namespace waxwing::store
