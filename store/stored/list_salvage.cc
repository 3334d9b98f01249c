#include "store/stored/list_salvage.h"

#include <db_cxx.h>

#include <functional>
#include <ostream>
#include <streambuf>

#include "common/base/is_there.h"
#include "common/base/strings.h"
#include "store/list/protocol.h"
#include "store/stored/db_errors.h"

namespace waxwing::store {

namespace {
// Takes what Berkeley DB prints of a table (lines of db_dump(1): " <hex>", a key, then its value) row by row.
class Rows : public std::streambuf {
 public:
  using Visit = std::function<void(const std::string& key, const std::string& value)>;
  explicit Rows(Visit visit) : visit_(std::move(visit)) {}

 private:
  int overflow(int c) override {
    if (c == '\n')
      take_line();
    else if (c != EOF)
      line_ += static_cast<char>(c);
    return c == EOF ? 0 : c;
  }
  void take_line() {
    if (line_.starts_with(' ')) {
      auto bytes = from_hex(std::string_view(line_).substr(1)).value_or("");
      if (std::exchange(has_key_, !has_key_))
        visit_(key_, bytes);
      else
        key_ = std::move(bytes);
    } else {
      has_key_ = false;  // a line of the header
    }
    line_.clear();
  }
  Visit visit_;
  std::string line_, key_;
  bool has_key_ = false;
};

Result<> each_row(const std::string& path, Rows::Visit visit) {
  TRY(const bool there, is_there(path));
  if (!there) return {};
  Rows rows(std::move(visit));
  std::ostream out(&rows);
  // Of a damaged table, what could be read has been visited.
  const int code = Db(nullptr, DB_CXX_NO_EXCEPTIONS).verify(path.c_str(), nullptr, &out, DB_SALVAGE);
  if (!may_pass(code)) return {};
  return temporary(path + " cannot be read for what is to be saved of it: " + DbEnv::strerror(code) +
                   "; mend the disk, or move that file away; see stored(8)");
}
}  // namespace

Result<SalvagedList> salvage_list(const std::string& directory) {
  SalvagedList found;
  TRY_VOID(each_row(directory + "/folder.db", [&](const std::string&, const std::string& value) {
    if (const auto entry = decode_entry(value); entry && !entry->special_use.empty())
      found.special_uses[entry->id] = entry->special_use;
  }));
  TRY_VOID(each_row(directory + "/subscr.db", [&](const std::string& key, const std::string&) {
    const auto tab = key.find('\t');
    if (tab == std::string::npos || !MailboxName::parse(key.substr(tab + 1))) return;
    found.subscriptions.emplace_back(key.substr(0, tab), key.substr(tab + 1));
  }));
  TRY_VOID(each_row(directory + "/trash.db",
                    [&](const std::string& key, const std::string&) { found.trash.insert(key); }));
  return found;
}

}  // namespace waxwing::store
