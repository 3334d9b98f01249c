// The tables in a file, so that a restart forgets nothing.
//
//     waxwing-metermaid 1
//     surge 6a6f65 1763795400000 1763795412345 9 1200 0 5e1f0a77     table, key in hexadecimal, begun, seen, count, usual,
//     surge 616e6e - 0b61c5d2                                        told; a dash: the key was removed; check
//     surge . 1763795400000 …                                      a dot: the empty key
//
// Later lines take the place of earlier ones: what changed is added at the end, and now and then the file is written
// anew. The check is the lower half of XXH3 of what stands before it. Counters are no mail: nothing here is
// synced, a crash costs what was not saved yet.
#pragma once

#include <map>
#include <string>

#include "common/base/result.h"
#include "metermaid/table.h"

namespace waxwing::metermaid {

using Tables = std::map<std::string, Table>;

// The whole of them.
std::string encode_tables(const Tables& tables);
// What changed since the last call. Costs as much as changed, not as much as there is.
std::string encode_changes(Tables& tables);

struct Decoded {
  std::size_t damaged_lines = 0;  // left out
};
// Into tables of the same names; what is in others is left out. Permanent error, and nothing taken, when the text
// is of another version.
Result<Decoded> decode_tables(std::string_view text, Tables& tables);

// The file. Its lines are taken from the tables on their thread, and written by another one, which needs no table:
//
//   const auto portion = snapshot.take(tables);
//   const auto written = snapshot.write(portion);  // on a worker
//   snapshot.note(portion, written.has_value());
//
// One portion after the other.
class Snapshot {
 public:
  explicit Snapshot(std::string path) : path_(std::move(path)) {}
  // Reads, and writes anew what it took. A file that is not there is an empty one. Blocks.
  Result<Decoded> load(Tables& tables);

  struct Portion {
    std::string text;    // empty: nothing to write
    bool whole = false;  // takes the file's place
  };
  // What changed since the last one; all there is, where the file has grown or the last portion was not written.
  Portion take(Tables& tables);
  Result<> write(const Portion& portion) const;  // blocks
  void note(const Portion& portion, bool written);
  void begin_anew() { must_rewrite_ = true; }  // the next portion is a whole one: the tables are others

 private:
  Portion take_all(Tables& tables);
  std::string path_;
  std::uint64_t whole_bytes_ = 0, added_bytes_ = 0;
  bool must_rewrite_ = true;
};

}  // namespace waxwing::metermaid
