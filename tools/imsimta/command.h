// The commands of imsimta: each lives in a file of its own and stands in the table of commands.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::imsimta {

// Arguments after the command's name. Qualifiers are -name, -name=value, -noname (also with two dashes).
class Arguments {
 public:
  explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {}
  // Removes -name or -name=value from the words; value only for the latter. True when it was there.
  bool take(std::string_view name, std::string* value = nullptr);
  // The same for -name=value and "-name value".
  bool take_pair(std::string_view name, std::string& value);
  void add(std::string word) { words_.push_back(std::move(word)); }
  // Removes and answers the first word that is no qualifier; "" when there is none.
  std::string take_word();
  // What is left; call it when all is taken: not empty means a word or qualifier nobody knows.
  const std::vector<std::string>& rest() const { return words_; }
  // Permanent error that names the first word left.
  Result<> finish(std::string_view usage) const;

 private:
  std::vector<std::string> words_;
};

struct Context {
  std::string root;  // of the instance
};

struct Command {
  std::string_view name;  // "cnbuild"; "test -rewrite" is the command "test" with that qualifier
  std::string_view usage;
  std::string_view help;  // one line
  // Prints to standard output; the exit code, or an error that main prints (exit 1; usage errors 2).
  Result<int> (*run)(const Context&, Arguments);
};
std::span<const Command> commands();

// One of the five databases by its name, else a file; a name without a dot gets ".db".
std::string path_of_database(const Context& context, const std::string& name);

// One function per file; add yours here and in the table.
Result<int> run_cache(const Context&, Arguments);
Result<int> run_circuitcheck(const Context&, Arguments);
Result<int> run_cnbuild(const Context&, Arguments);
Result<int> run_convertdb(const Context&, Arguments);
Result<int> run_counters(const Context&, Arguments);
Result<int> run_crdb(const Context&, Arguments);
Result<int> run_find(const Context&, Arguments);
Result<int> run_journal(const Context&, Arguments);
Result<int> run_kill(const Context&, Arguments);
Result<int> run_metermaid(const Context&, Arguments);
Result<int> run_process(const Context&, Arguments);
Result<int> run_program(const Context&, Arguments);
Result<int> run_purge(const Context&, Arguments);
Result<int> run_qclean(const Context&, Arguments);
Result<int> run_qm(const Context&, Arguments);
Result<int> run_queue(const Context&, Arguments);
Result<int> run_reload(const Context&, Arguments);
Result<int> run_refresh(const Context&, Arguments);
Result<int> run_renamedb(const Context&, Arguments);
Result<int> run_return(const Context&, Arguments);
Result<int> run_restart(const Context&, Arguments);
Result<int> run_rotate(const Context&, Arguments);
Result<int> run_run(const Context&, Arguments);
Result<int> run_start(const Context&, Arguments);
Result<int> run_stop(const Context&, Arguments);
Result<int> run_test(const Context&, Arguments);
Result<int> run_trace(const Context&, Arguments);
Result<int> run_version(const Context&, Arguments);
Result<int> run_view(const Context&, Arguments);

}  // namespace waxwing::imsimta
