// One file db/<name>.db, mapped: processes share its pages, and one that never looks anything up reads 72 bytes of it.
//
// It is checked as a whole (the slots; each record whenever it is read) at the first look-up, which may take as long
// as reading a fifth of it: never on an event loop, where such a look-up answers would_block().
//
// A new database takes the name of the old one, and the old one stays as it is for who has it. But cp or a shell's >
// onto the file changes what is mapped: whether it did is asked with every look-up, after the values were copied out.
// Then it is mapped and checked anew; as long as it is not whole, look-ups fail for a time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/file.h"
#include "common/directory/directory.h"
#include "mta/config/database_image.h"

namespace waxwing::mta {

class DatabaseFile {
 public:
  // Reads the header. Permanent error: no database, another version, damaged, cut short.
  static Result<std::unique_ptr<DatabaseFile>> open(const std::string& path);
  ~DatabaseFile();
  DatabaseFile(const DatabaseFile&) = delete;

  // As DatabaseImage::find. Errors: would_block() with cache_only when it was not checked yet; temporary when it is
  // damaged or was written into. Thread-safe.
  Result<std::vector<std::string>> find(std::string_view key, directory::Ask ask) const;
  // Checks header and slots now, if that is not done. May read the whole file.
  Result<> check() const;
  // Of the header that was there when it was opened.
  std::uint64_t size() const { return header_.size(); }
  // Differs for another file, and when this one was written into before it was opened.
  const std::string& id() const { return id_; }

 private:
  struct View;
  DatabaseFile(std::string path, UniqueFd file, DatabaseImage header, std::string id);
  Result<std::shared_ptr<const View>> view(directory::Ask ask) const;

  std::string path_;
  UniqueFd file_;
  DatabaseImage header_;  // without bytes: for its numbers
  std::string id_;
  mutable std::mutex mutex_;  // of view_
  mutable std::shared_ptr<const View> view_;
  mutable std::mutex checking_;
};

}  // namespace waxwing::mta
