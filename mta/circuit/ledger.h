// ROOT/circuitcheck: the key by which this instance knows its own messages (key), and what is known of each circuit
// (NAME.circuit, record.h). The programs that send and those that count change them in turn; a file is replaced as a
// whole, so that who only reads waits for nobody. A record that is lost or damaged costs its figures and no mail.
#pragma once

#include <functional>
#include <string>

#include "common/base/file.h"
#include "common/base/result.h"
#include "mta/circuit/record.h"

namespace waxwing::mta::circuit {

// All of it blocks.
class Ledger {
 public:
  explicit Ledger(const std::string& root) : folder_(root + "/circuitcheck") {}
  // Made with the first call in the life of an instance. Permanent error: the file is damaged.
  Result<std::string> key() const;
  // What is known of the circuit, with the changes that edit makes: durable when this answers.
  Result<Record> change(const std::string& circuit, std::int64_t now_ms,
                        const std::function<void(Record&)>& edit) const;
  // As it is now; a new one when nothing is known.
  Result<Record> read(const std::string& circuit) const;

 private:
  std::string path_of(const std::string& circuit) const { return folder_ + "/" + circuit + ".circuit"; }
  Result<UniqueFd> lock() const;
  Result<> write(const std::string& path, const std::string& text) const;

  std::string folder_;
};

}  // namespace waxwing::mta::circuit
