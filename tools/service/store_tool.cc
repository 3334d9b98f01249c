#include "tools/service/store_tool.h"

#include "common/daemon/instance_journal.h"
#include "tools/options/option_file.h"
#include "tools/service/owner.h"

namespace waxwing {

Result<std::shared_ptr<store::Store>> open_store(const std::string& instance, const std::string& program) {
  TRY(const auto root, find_instance(instance));
  TRY_VOID(become_owner_of(root));
  TRY(const auto config, load_for_tool(root, program, {"store.", "journal."}));
  TRY_VOID(open_instance_journal_until_exit(*config));
  return store::Store::open(config);
}

}  // namespace waxwing
