#include "store/stored/list_db.h"

#include <db_cxx.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/log/log.h"
#include "store/detail/errors.h"
#include "store/list/protocol.h"
#include "store/stored/db_directory.h"
#include "store/stored/db_errors.h"
#include "store/stored/list_witness.h"

namespace waxwing::store {

namespace {
constexpr int kMaxTries = 50;  // of a transaction that meets others

Dbt in(const std::string& bytes) {
  return Dbt(const_cast<char*>(bytes.data()), static_cast<u_int32_t>(bytes.size()));
}

constexpr const char* kTables[] = {"folder.db", "subscr.db", "purge.db", "trash.db"};

// Somebody has used this environment: then it has all of its tables.
Result<bool> was_used(const std::string& directory) {
  TRY(const auto names, list_if_there(directory));
  return std::ranges::any_of(names, [](const auto& name) {
    return name.starts_with("log.") || name == "witness" ||
           std::ranges::find(kTables, name) != std::end(kTables);
  });
}

// Berkeley DB makes a table anew that is gone or whose first page is empty: every mailbox would be forgotten.
Result<bool> is_table(const std::string& path) {
  constexpr std::uint64_t kMagicAt = 12;
  std::uint32_t magic = 0;
  const auto fd = open_file(path, O_RDONLY);
  TRY(const bool there, is_there(path));
  if (!fd && there) return temporary("mailbox list: " + fd.error().text);
  struct stat status {};
  if (!there) return false;
  if (::fstat(fd->get(), &status) != 0)
    return std::unexpected(system_error("mailbox list: cannot look at " + path, errno));
  if (status.st_size < static_cast<off_t>(kMagicAt + sizeof magic)) return false;
  if (auto read = read_at(fd->get(), kMagicAt, &magic, sizeof magic); !read)
    return temporary("mailbox list: " + read.error().text);
  return magic == DB_BTREEMAGIC;
}

// Memory that Berkeley DB allocates for an answer.
struct Out : Dbt {
  Out() { set_flags(DB_DBT_REALLOC); }
  ~Out() { std::free(get_data()); }
  Out(const Out&) = delete;
  std::string_view view() const { return {static_cast<const char*>(get_data()), get_size()}; }
};
}  // namespace

struct ListDb::Inner {
  explicit Inner(const std::string& directory) : witness(directory) {}

  ListWitness witness;
  DbEnv env{DB_CXX_NO_EXCEPTIONS};
  std::string complaints;  // of Berkeley DB, while it opens: one thread only
  std::unique_ptr<Db> folders, subscriptions, purges, trash;
  bool env_open = false;
  bool opening = true;

  static void complain(const DbEnv* env, const char* prefix, const char* text);
  Result<> open(const std::string& directory, std::uint64_t cache_bytes);
  Result<> check_log(const ListWitness::Place& committed);
  Result<> check_tables(const std::string& directory);
  Result<std::unique_ptr<Db>> open_table(const char* file);
  // The log as it is on disk now is never to be taken for shorter.
  void note_log();
  // Runs work in a transaction, again when it was the victim of a deadlock. 0: committed.
  Result<> transact(const std::string& what, u_int32_t flags, const std::function<int(DbTxn*)>& work);
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  Result<> scan(Db& table, const std::string& prefix, const std::string& after, const Visit& visit);
  Result<std::size_t> count(Db& table, const std::string& prefix, std::size_t most);
};

ListDb::ListDb(const std::string& directory) : inner_(std::make_unique<Inner>(directory)) {}

Result<bool> ListDb::is_there(const std::string& directory) {
  return was_used(directory);
}

ListDb::~ListDb() {
  if (inner_->env_open) (void)checkpoint();
  for (auto* table : {&inner_->folders, &inner_->subscriptions, &inner_->purges, &inner_->trash})
    if (*table) (*table)->close(0);
  inner_->env.close(0);
}

// What it says later has no reader; whatever fails then is told by its caller.
void ListDb::Inner::complain(const DbEnv* env, const char*, const char* text) {
  auto& self = *static_cast<Inner*>(env->get_app_private());
  constexpr std::size_t kMost = 1000;
  if (!self.opening || self.complaints.size() > kMost) return;
  self.complaints += "; ";
  self.complaints += text;
}

Result<> ListDb::Inner::open(const std::string& directory, std::uint64_t cache_bytes) {
  env.set_cachesize(static_cast<u_int32_t>(cache_bytes >> 30),
                    static_cast<u_int32_t>(cache_bytes & ((1 << 30) - 1)), 1);
  env.set_lk_detect(DB_LOCK_DEFAULT);
  env.set_lk_max_locks(100000);
  env.set_lk_max_objects(100000);
  env.set_app_private(this);
  env.set_errcall(&Inner::complain);
  env.log_set_config(DB_LOG_AUTO_REMOVE, 1);
  see_directories();
  TRY(const bool used, was_used(directory));
  const auto committed = witness.check();
  const bool lost = !committed && code_of(committed.error()) == Code::corrupt;
  if (!committed && !lost && committed.error().fault == Fault::temporary)
    return std::unexpected(committed.error());
  const u_int32_t flags = DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_INIT_MPOOL | DB_RECOVER |
                          DB_PRIVATE | DB_THREAD;
  if (const int code = env.open(directory.c_str(), flags, 0600); code != 0)
    return open_error("cannot open " + directory, code, complaints);
  env_open = true;
  if (lost) return std::unexpected(committed.error());
  if (!committed) log::Event("stored.list.witness.damaged").with("reason", committed.error().text).error();
  TRY_VOID(check_log(committed.value_or(ListWitness::Place())));
  if (used) TRY_VOID(check_tables(directory));
  std::unique_ptr<Db>* const tables[] = {&folders, &subscriptions, &purges, &trash};
  for (std::size_t n = 0; n < std::size(kTables); ++n) {
    TRY(*tables[n], open_table(kTables[n]));
  }
  opening = false;
  note_log();
  return {};
}

Result<> ListDb::Inner::check_tables(const std::string& directory) {
  for (const auto* const file : kTables) {
    TRY(const bool whole, is_table(directory + "/" + file));
    if (!whole)
      return fail_for_now(Code::corrupt,
                          std::string("mailbox list: ") + file + " in " + directory + " is gone or damaged");
  }
  return {};
}

namespace {
using LogStat = std::unique_ptr<DB_LOG_STAT, decltype(&std::free)>;
// 0, or the code of the error.
int log_stat(DbEnv& env, LogStat& log) {
  DB_LOG_STAT* got = nullptr;
  const int code = env.log_stat(&got, 0);
  log.reset(code == 0 ? got : nullptr);
  return code;
}
}  // namespace

// A log that begins anew beside one that was not seen would be noted as if it were the only one.
Result<> ListDb::Inner::check_log(const ListWitness::Place& committed) {
  LogStat log(nullptr, &std::free);
  if (const int code = log_stat(env, log); code != 0)
    return open_error("cannot find the end of the log", code, complaints);
  if (committed <= ListWitness::Place{log->st_cur_file, log->st_cur_offset}) return {};
  return fail_for_now(
      Code::corrupt,
      fmt::format("mailbox list: recovered up to log {} byte {}; committed was up to {} byte {}",
                  log->st_cur_file, log->st_cur_offset, committed.file, committed.bytes));
}

void ListDb::Inner::note_log() {
  if (opening) return;  // nor when that failed: what was committed is not forgotten for what was found
  LogStat log(nullptr, &std::free);
  if (log_stat(env, log) == 0 && log->st_disk_file != 0) witness.note(log->st_disk_file, log->st_disk_offset);
}

Result<std::unique_ptr<Db>> ListDb::Inner::open_table(const char* file) {
  // Every page is looked at once, so that one that has rotted is found now, while the list can be set aside
  // and made anew, and not when its mailboxes are taken for missing.
  if (const int code = Db(&env, DB_CXX_NO_EXCEPTIONS).verify(file, nullptr, nullptr, 0);
      code != 0 && code != ENOENT)
    return open_error(std::string("cannot verify ") + file, code, complaints);
  auto table = std::make_unique<Db>(&env, DB_CXX_NO_EXCEPTIONS);
  // A new table's pages tell when they have rotted; an old one stays as it is.
  (void)table->set_flags(DB_CHKSUM);
  const int code =
      table->open(nullptr, file, nullptr, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, 0600);
  if (code == 0) return table;
  table->close(DB_NOSYNC);
  return open_error(std::string("cannot open ") + file, code, complaints);
}

Result<std::unique_ptr<ListDb>> ListDb::open(const std::string& directory, std::uint64_t cache_bytes) {
  TRY_VOID(make_directories(directory));
  std::unique_ptr<ListDb> db(new ListDb(directory));
  TRY_VOID(db->inner_->open(directory, cache_bytes));
  return db;
}

Result<> ListDb::Inner::transact(const std::string& what, u_int32_t flags,
                                 const std::function<int(DbTxn*)>& work) {
  int code = 0;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    TRY_VOID(failpoint("store.list.begin"));
    DbTxn* transaction = nullptr;
    code = env.txn_begin(nullptr, &transaction, flags);
    if (code != 0) break;
    code = work(transaction);
    if (code == 0) {
      TRY_VOID(failpoint("store.list.commit"));
      code = transaction->commit(0);
      if (code != 0) break;
      if (!(flags & DB_TXN_NOSYNC)) note_log();
      return failpoint("store.list.committed");
    }
    transaction->abort();
    if (code != DB_LOCK_DEADLOCK) break;
  }
  return db_error(what, code);
}

Result<> ListDb::Inner::scan(Db& table, const std::string& prefix, const std::string& after,
                             const Visit& visit) {
  Dbc* cursor = nullptr;
  if (const int code = table.cursor(nullptr, &cursor, DB_READ_COMMITTED); code != 0)
    return db_error("cursor", code);
  struct Close {
    Dbc* cursor;
    ~Close() { cursor->close(); }
  } const close{cursor};
  const std::string start = std::max(prefix, after);
  Out key, value;
  key.set_data(std::malloc(start.size() + 1));
  std::memcpy(key.get_data(), start.data(), start.size());
  key.set_size(static_cast<u_int32_t>(start.size()));
  int code = cursor->get(&key, &value, DB_SET_RANGE);
  for (; code == 0 && key.view().starts_with(prefix); code = cursor->get(&key, &value, DB_NEXT))
    if (key.view() != after && !visit(key.view(), value.view())) return {};
  if (code != 0 && code != DB_NOTFOUND) return db_error("cannot read", code);
  return {};
}

Result<std::size_t> ListDb::Inner::count(Db& table, const std::string& prefix, std::size_t most) {
  std::size_t rows = 0;
  TRY_VOID(scan(table, prefix, "", [&](std::string_view, std::string_view) { return ++rows < most; }));
  return rows;
}

Result<std::size_t> ListDb::folder_count(const std::string& user, std::size_t most) {
  return inner_->count(*inner_->folders, "user/" + user + "/", most);
}

Result<std::size_t> ListDb::subscription_count(const std::string& user, std::size_t most) {
  return inner_->count(*inner_->subscriptions, user + "\t", most);
}

Result<std::optional<MailboxEntry>> ListDb::find(const std::string& name) {
  auto key = in(name);
  Out value;
  const int code = inner_->folders->get(nullptr, &key, &value, 0);
  if (code == DB_NOTFOUND) return std::nullopt;
  if (code != 0) return db_error("cannot read " + name, code);
  TRY(auto entry, decode_entry(value.view()));
  return entry;
}

Result<> ListDb::put(const MailboxEntry& entry) {
  return apply({.remove = {}, .put = {entry}, .trash = {}});
}

Result<> ListDb::apply(const Change& change) {
  return inner_->transact("cannot change", 0, [&](DbTxn* transaction) {
    for (const auto& name : change.remove) {
      auto key = in(name);
      if (const int code = inner_->folders->del(transaction, &key, 0); code != 0) return code;
    }
    for (const auto& entry : change.put) {
      const auto name = entry.name.text(), bytes = encode_entry(entry);
      auto key = in(name), value = in(bytes);
      if (const int code = inner_->folders->put(transaction, &key, &value, 0); code != 0) return code;
    }
    for (const auto& item : change.trash) {
      auto key = in(item), value = in("");
      if (const int code = inner_->trash->put(transaction, &key, &value, 0); code != 0) return code;
    }
    return 0;
  });
}

Result<std::vector<MailboxEntry>> ListDb::page(const std::string& prefix, const std::string& after,
                                               std::size_t limit) {
  std::vector<MailboxEntry> entries;
  Result<> bad;
  TRY_VOID(inner_->scan(*inner_->folders, prefix, after, [&](std::string_view, std::string_view value) {
    auto entry = decode_entry(value);
    if (!entry) bad = std::unexpected(entry.error());
    if (!entry) return false;
    entries.push_back(std::move(*entry));
    return entries.size() < limit;
  }));
  if (!bad) return std::unexpected(bad.error());
  return entries;
}

namespace {
// One key with an empty value in, or out.
int put_key(Db& table, DbTxn* transaction, const std::string& name) {
  const std::string nothing;
  auto key = in(name), value = in(nothing);
  return table.put(transaction, &key, &value, 0);
}
int remove_key(Db& table, DbTxn* transaction, const std::string& name) {
  auto key = in(name);
  const int code = table.del(transaction, &key, 0);
  return code == DB_NOTFOUND ? 0 : code;
}
}  // namespace

Result<std::vector<std::string>> ListDb::trash() {
  std::vector<std::string> items;
  TRY_VOID(inner_->scan(*inner_->trash, "", "", [&](std::string_view key, std::string_view) {
    items.emplace_back(key);
    return true;
  }));
  return items;
}

Result<> ListDb::trash_done(const std::string& item) {
  return inner_->transact("cannot change", DB_TXN_NOSYNC,
                          [&](DbTxn* transaction) { return remove_key(*inner_->trash, transaction, item); });
}

Result<> ListDb::subscribe(const std::string& user, const std::string& name) {
  return inner_->transact("cannot subscribe", 0, [&](DbTxn* transaction) {
    return put_key(*inner_->subscriptions, transaction, user + "\t" + name);
  });
}

Result<bool> ListDb::is_subscribed(const std::string& user, const std::string& name) {
  const auto text = user + "\t" + name;
  auto key = in(text);
  Out value;
  const int code = inner_->subscriptions->get(nullptr, &key, &value, 0);
  if (code != 0 && code != DB_NOTFOUND) return db_error("cannot read " + name, code);
  return code == 0;
}

Result<> ListDb::unsubscribe(const std::string& user, const std::string& name) {
  return inner_->transact("cannot unsubscribe", 0, [&](DbTxn* transaction) {
    return remove_key(*inner_->subscriptions, transaction, user + "\t" + name);
  });
}

Result<std::vector<std::string>> ListDb::subscriptions(const std::string& user, const std::string& after,
                                                       std::size_t limit) {
  std::vector<std::string> names;
  const auto prefix = user + "\t";
  TRY_VOID(inner_->scan(*inner_->subscriptions, prefix, after.empty() ? "" : prefix + after,
                        [&](std::string_view key, std::string_view) {
                          names.emplace_back(key.substr(prefix.size()));
                          return names.size() < limit;
                        }));
  return names;
}

Result<> ListDb::note_purge(const std::string& name) {
  return inner_->transact("cannot note a purge", DB_TXN_NOSYNC,
                          [&](DbTxn* transaction) { return put_key(*inner_->purges, transaction, name); });
}

Result<std::vector<std::string>> ListDb::to_purge(const std::string& after, std::size_t limit) {
  std::vector<std::string> names;
  TRY_VOID(inner_->scan(*inner_->purges, "", after, [&](std::string_view key, std::string_view) {
    names.emplace_back(key);
    return names.size() < limit;
  }));
  return names;
}

Result<> ListDb::purge_done(const std::string& name) {
  return inner_->transact("cannot note a purge", DB_TXN_NOSYNC,
                          [&](DbTxn* transaction) { return remove_key(*inner_->purges, transaction, name); });
}

Result<> ListDb::checkpoint() {
  if (const int code = inner_->env.txn_checkpoint(0, 0, 0); code != 0) return db_error("checkpoint", code);
  inner_->note_log();
  return {};
}

}  // namespace waxwing::store
